import json
import logging
import os
import sys
import time
import urllib.request

started = []
count = 0


def handler(event, context):
    global count
    count += 1
    do = event.get("do")
    if do == "echo":
        print("echo: " + json.dumps(event))
        logging.getLogger().warning("two\nlines")
        return {"event": event, "count": count, "request": context.aws_request_id, "function": context.function_name,
                "remaining": 0 < context.get_remaining_time_in_millis() <= 30000}
    if do == "env":
        return dict(os.environ)
    if do == "raise":
        raise ValueError("no such luck")
    if do == "sleep":
        print("sleeping")
        time.sleep(event["seconds"])
    if do == "exit":
        sys.exit(event["code"])
    if do == "call":
        with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/hello") as r:
            return r.read().decode()
    if do == "loop":
        while True:
            pass
    if do == "leak":
        held = []
        while True:
            held.append(bytearray(8 << 20))
    if do == "print":
        line = "x" * 1023
        for _ in range(event["lines"]):
            print(line)
        return "printed"
    if do == "longline":
        print("y" * (1 << 20))
        return "printed"
    if do == "fork":
        # Twice, into a session of its own: the classic daemon.
        child = os.fork()
        if child == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(3600)
            os._exit(0)
        os.waitpid(child, 0)
        return "forked"
    if do == "tmp":
        path = "/tmp/leat-runtime-test-private"
        seen = os.path.exists(path)
        with open(path, "w") as f:
            f.write("x")
        return {"seen": seen, "tmp": os.environ["TMPDIR"]}
    if do == "big":
        return "z" * event["bytes"]
    if do == "late":
        import latemod
        return latemod.NAME
    if do == "absent":
        import no_such_module
    if do == "quit":
        exit(event["code"])
    if do == "set":
        return {1, 2}
    return None
