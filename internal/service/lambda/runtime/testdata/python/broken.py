def handler(event context
