'use strict';
// HOST PORT USER SECRET COMMAND...: runs CLI commands as asterisk-manager reads old output; prints what it made of each, and of a Ping
// behind it.

const AsteriskManager = require('asterisk-manager');

const [host, port, user, secret, ...commands] = process.argv.slice(2);
const manager = new AsteriskManager(port, host, user, secret, false);
const ask = (action) => new Promise((resolve) => manager.action(action, (_error, reply) => resolve(reply)));

async function main() {
  await new Promise((resolve) => manager.on('connect', resolve));
  const outcomes = [];
  for (const command of commands) {
    const reply = await ask({ action: 'command', command });
    const ping = await ask({ action: 'ping' });
    outcomes.push({
      response: reply.response,
      // The id is another each time.
      output: reply.content && reply.content.replace(/^ActionID: [0-9]+\n?/m, ''),
      ping: ping.ping,
    });
  }
  console.log(JSON.stringify(outcomes));
  process.exit(0);
}

main();
