exports.handler = async () => 'common';
exports.nothing = (event, context) => {};
exports.inner = { handler: (event, context) => context.succeed(event.x) };
