"""Leat's runtime for Python functions: speaks the Lambda Runtime API.

Errors, log lines and the context object have the shapes that functions find on
AWS. Imports are most of a cold start, so only what every function needs is
imported here; logging is set up when the function imports it, and what
Python's own site module does at every start (-S omits it) is done when an
import needs it.
"""

import _sitebuiltins
import _socket
import builtins
import json
import os
import sys
import time


class Client:
    """A connection to the Runtime API that is kept open."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.address = (host, int(port))
        self.host = address
        self.sock = None
        self.rest = b""

    def _connect(self):
        self.sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self.sock.connect(self.address)
        self.sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self.rest = b""

    def request(self, method, path, body=b"", headers=""):
        if self.sock is None:
            self._connect()
        head = "%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s\r\n" % (
            method, path, self.host, len(body), headers)
        self.sock.sendall(head.encode("latin-1") + body)
        while True:
            status, fields, payload = self._response()
            if status >= 200:  # not "100 Continue"
                break
        if fields.get("connection") == "close":
            self.sock.close()
            self.sock = None
        return status, fields, payload

    def _fill(self):
        chunk = self.sock.recv(65536)
        if not chunk:
            sys.exit(0)  # the platform is gone
        self.rest += chunk

    def _response(self):
        while b"\r\n\r\n" not in self.rest:
            self._fill()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ", 2)[1])
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        length = int(fields.get("content-length", 0))
        if length > len(self.rest):
            parts, have = [self.rest], len(self.rest)
            while have < length:
                chunk = self.sock.recv(min(length - have, 1 << 20))
                if not chunk:
                    sys.exit(0)
                parts.append(chunk)
                have += len(chunk)
            self.rest = b"".join(parts)
        payload, self.rest = self.rest[:length], self.rest[length:]
        return status, fields, payload


class Fault(Exception):
    """A failure that is the platform's to report, with AWS's type for it."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind, self.message, self.trace = kind, message, trace


class Identity:
    def __init__(self, fields):
        self.cognito_identity_id = fields.get("cognitoIdentityId")
        self.cognito_identity_pool_id = fields.get("cognitoIdentityPoolId")


class ClientApplication:
    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]


class ClientContext:
    __slots__ = ["custom", "env", "client"]

    def __init__(self, fields):
        self.custom = fields.get("custom")
        self.env = fields.get("env")
        self.client = None
        client = fields.get("client")
        if client is not None:
            self.client = ClientApplication()
            for name in ClientApplication.__slots__:
                setattr(self.client, name, client.get(name))


class LambdaContext:
    def __init__(self, fields):
        self.aws_request_id = fields["lambda-runtime-aws-request-id"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = fields.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = fields.get("lambda-runtime-aws-tenant-id")
        self.client_context = None
        raw = fields.get("lambda-runtime-client-context")
        if raw:
            # Header fields travel as latin-1; the text in them is UTF-8.
            self.client_context = ClientContext(parse_header(raw, "Client Context"))
        raw = fields.get("lambda-runtime-cognito-identity")
        self.identity = Identity(parse_header(raw, "Cognito Identity") if raw else {})
        self._deadline = int(fields["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self):
        return max(self._deadline - int(time.time() * 1000), 0)

    def log(self, msg):
        for stream in (sys.stdout,):
            stream.write(str(msg))

    def __repr__(self):
        return "LambdaContext([aws_request_id=%s,log_group_name=%s,log_stream_name=%s,function_name=%s," \
            "memory_limit_in_mb=%s,function_version=%s,invoked_function_arn=%s,client_context=%s,identity=%s,tenant_id=%s])" % (
                self.aws_request_id, self.log_group_name, self.log_stream_name, self.function_name, self.memory_limit_in_mb,
                self.function_version, self.invoked_function_arn, self.client_context, self.identity, self.tenant_id)


def parse_header(raw, name):
    try:
        return json.loads(raw.encode("latin-1").decode("utf-8"))
    except Exception as e:
        raise Fault("Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, e))


class LogPipe:
    """Sends messages of any number of lines, each as one event."""

    TYPE = (0xA55A0003).to_bytes(4, "big")

    def __init__(self, fd):
        self.fd = fd

    def write(self, msg):
        data = msg.encode("utf-8", "replace")
        frame = self.TYPE + len(data).to_bytes(4, "big") + (time.time_ns() // 1000).to_bytes(8, "big") + data
        view = memoryview(frame)
        while view:
            view = view[os.write(self.fd, view):]


request_id = ""
json_logs = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"


def now_text(at=None):
    at = time.time() if at is None else at
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + ".%03dZ" % (int(at * 1000) % 1000) if not json_logs \
        else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def json_formatter(logging):
    standard = set(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "aws_request_id", "taskName"}

    class JsonFormatter(logging.Formatter):
        """Structured logs, with what callers passed as extra."""

        def format(self, record):
            out = {"timestamp": now_text(record.created), "level": record.levelname, "message": record.getMessage(), "logger": record.name}
            if record.exc_info:
                import traceback
                kind, value, tb = record.exc_info
                out["stackTrace"] = [line.rstrip("\n") for line in traceback.format_tb(tb)]
                out["errorType"] = kind.__name__ if kind else ""
                out["errorMessage"] = str(value)
                out["location"] = "%s:%s:%s" % (record.pathname, record.funcName, record.lineno)
            out["requestId"] = request_id
            for key, value in record.__dict__.items():
                if key not in standard and key not in out:
                    out[key] = value
            return json.dumps(out, default=str, ensure_ascii=False)

    return JsonFormatter()


def set_up_logging(logging, pipe):
    class LogHandler(logging.Handler):
        def emit(self, record):
            record.aws_request_id = request_id
            try:
                pipe.write(self.format(record))
            except Exception:
                self.handleError(record)

    logging.Formatter.converter = time.gmtime
    handler = LogHandler()
    if json_logs:
        handler.setFormatter(json_formatter(logging))
    else:
        handler.setFormatter(logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    level = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}.get(
        os.environ.get("AWS_LAMBDA_LOG_LEVEL", ""), os.environ.get("AWS_LAMBDA_LOG_LEVEL", ""))
    if level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)
    root.addHandler(handler)


def find_spec(name, path=None, target=None):
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path, target)
        if spec is not None:
            return spec
    return None


class LoggingImport:
    """Watches for the first import of logging, and sets logging up behind it."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.loader = None

    def find_spec(self, name, path, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name, path, target)
        if spec is not None:
            self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        set_up_logging(module, self.pipe)


class LateSite:
    """Answers the first import that finds nothing: reads the .pth files of what is
    installed, as Python does at its start without -S, and looks again."""

    def __init__(self, sites):
        self.sites = sites

    def find_spec(self, name, path, target=None):
        if path is not None:
            return None
        sys.meta_path.remove(self)
        import site
        for directory in self.sites:
            site.addsitedir(directory)
        return find_spec(name, path, target)


def make_error(kind, message, trace, invoke_id=""):
    return {"errorMessage": message, "errorType": kind, "requestId": invoke_id, "stackTrace": trace or []}


def error_of(value, invoke_id=""):
    """The error that an exception of user code is reported as: without frames of this file."""
    import traceback
    frames = traceback.extract_tb(value.__traceback__)
    while frames and frames[0].filename == main.__code__.co_filename:
        frames = frames[1:]
    return make_error(type(value).__name__, str(value), traceback.format_list(frames), invoke_id)


def log_error(pipe, error):
    if json_logs:
        pipe.write(json.dumps(dict({"timestamp": now_text(), "level": "ERROR"}, **error), default=str))
        return
    text = "[ERROR]"
    if error["errorType"]:
        text += " " + error["errorType"] + (":" if error["errorMessage"] else "")
    if error["errorMessage"]:
        text += " " + error["errorMessage"]
    lines = [text, "Traceback (most recent call last):"]
    for element in error["stackTrace"]:
        for line in element.splitlines() or [""]:
            bare = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(bare)) + bare)
    pipe.write("\n".join(lines))


def load(handler):
    try:
        module_name, function_name = handler.rsplit(".", 1)
    except ValueError as e:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (handler, e))
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name)
    dotted = module_name.replace("/", ".")
    try:
        __import__(dotted)
        module = sys.modules[dotted]
    except ImportError as e:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, e))
    except SyntaxError as e:
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, e),
                    ['  File "%s" Line %s\n    %s' % (e.filename, e.lineno, e.text)])
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name))


def set_up_path():
    """Where modules are found: the package, the layers, and last the platform's own boto3."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != here]
    os.environ["PYTHONPATH"] = here
    paths = [os.environ["LAMBDA_TASK_ROOT"]]
    opt = os.environ.pop("LEAT_OPT", None)
    if opt:
        paths += [opt + "/python/lib/python%d.%d/site-packages" % sys.version_info[:2], opt + "/python"]
    sys.path[:0] = paths
    sites = os.environ.pop("LEAT_PYTHON_SITES", None)
    if sites is not None:
        set_up_site([p for p in sites.split(":") if p])
    sdk = os.environ.pop("LEAT_PYTHON_SDK", None)
    if sdk:
        sys.path.append(sdk)


def set_up_site(sites):
    """What Python's site module does, without the .pth files."""
    sys.path += sites
    sys.meta_path.append(LateSite(sites))
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.help = _sitebuiltins._Helper()


def plain(value):
    """What json cannot write by itself: numbers of DynamoDB's SDK."""
    if type(value).__name__ == "Decimal":
        number = int(value) if value == value.to_integral_value() else float(value)
        return number
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def respond(client, handler, fields, payload, pipe):
    invoke_id = fields["lambda-runtime-aws-request-id"]
    try:
        context = LambdaContext(fields)
        try:
            event = json.loads(payload)
        except Exception as e:
            raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % e)
        result = handler(event, context)
        try:
            body = json.dumps(result, default=plain, ensure_ascii=sys.version_info < (3, 12)).encode("utf-8")
        except Exception as e:
            raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % e)
    except Fault as f:
        error = make_error(f.kind, f.message, f.trace, invoke_id)
    except Exception as e:
        error = error_of(e, invoke_id)
    else:
        client.request("POST", "invocation/%s/response" % invoke_id, body, "Content-Type: application/json\r\n")
        return
    sys.stdout.flush()
    log_error(pipe, error)
    client.request("POST", "invocation/%s/error" % invoke_id, json.dumps(error).encode("utf-8"),
                   "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: %s\r\n" % error["errorType"])


def main():
    global request_id
    pipe = LogPipe(int(os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD")))
    os.set_inheritable(pipe.fd, False)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, write_through=True)
    client = Client(os.environ["AWS_LAMBDA_RUNTIME_API"])
    set_up_path()
    sys.meta_path.insert(0, LoggingImport(pipe))
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as e:
        error = make_error(e.kind, e.message, e.trace) if isinstance(e, Fault) else error_of(e)
        log_error(pipe, error)
        client.request("POST", "init/error", json.dumps(error).encode("utf-8"),
                       "Lambda-Runtime-Function-Error-Type: %s\r\n" % error["errorType"])
        sys.exit(1)
    while True:
        status, fields, payload = client.request("GET", "invocation/next")
        if status != 200:
            sys.exit(1)
        request_id = fields["lambda-runtime-aws-request-id"]
        trace_id = fields.get("lambda-runtime-trace-id")
        if trace_id:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        respond(client, handler, fields, payload, pipe)


if __name__ == "__main__":
    main()
