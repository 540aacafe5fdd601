import { writeFileSync } from 'node:fs';

let count = 0;

export const handler = async (event, context) => {
  count += 1;
  switch (event.do) {
    case 'echo':
      console.log('echo: ' + JSON.stringify(event));
      console.warn('two\nlines');
      return {
        event, count, request: context.awsRequestId, function: context.functionName,
        remaining: context.getRemainingTimeInMillis() > 0 && context.getRemainingTimeInMillis() <= 30000,
      };
    case 'env': return { ...process.env };
    case 'raise': throw new TypeError('no such luck');
    case 'sleep': await new Promise((r) => setTimeout(r, event.seconds * 1000)); return null;
    case 'exit': process.exit(event.code); break;
    case 'call': return (await fetch(process.env.AWS_ENDPOINT_URL + '/hello')).text();
    case 'reject': Promise.reject(new Error('nobody listens')); await new Promise((r) => setTimeout(r, 1000)); return 1;
    case 'cyclic': { const a = {}; a.a = a; return a; }
    default: return undefined;
  }
};

export const callback = (event, context, done) => {
  setTimeout(() => done(null, 'called back'), 1);
};

export const stream = globalThis.awslambda.streamifyResponse(async (event, out) => {
  out.write('one ');
  out.write('two');
  out.end();
});
