// Preloaded with --require: whatever listens on TCP in this process does so on 127.0.0.1 only.
const net = require('node:net');

const listen = net.Server.prototype.listen;
const isPort = (value) => typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value));

net.Server.prototype.listen = function (...given) {
  const [first, second] = given;
  if (typeof first === 'object' && first !== null && first.port !== undefined && !first.path) {
    given[0] = { ...first, host: '127.0.0.1' };
  } else if (isPort(first)) {
    // listen(port, [host], [backlog], [callback])
    given.splice(1, typeof second === 'string' || second === undefined ? 1 : 0, '127.0.0.1');
  }
  return listen.apply(this, given);
};
