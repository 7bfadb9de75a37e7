'use strict';
// The checks with asterisk-manager: a callback per action, list items as ordinary events.

const AsteriskManager = require('asterisk-manager');
const { Refused, Session, main, within } = require('../scenario.js');

class AsteriskManagerSession extends Session {
  static async connect(host, port, user, secret) {
    const session = new this();
    // Without a port it does not connect by itself, so that the outcome of the login can be seen.
    session.manager = new AsteriskManager(undefined, host, user, secret, true);
    session.manager.on('managerevent', (event) => session.saw(event));
    session.manager.on('close', () => session.sawClose());
    await new Promise((resolve, reject) => {
      session.manager.on('error', reject);
      session.manager.connect(port, host, () => session.manager.login((refused) => {
        if (refused) reject(new Refused(refused.message));
        else resolve();
      }));
    });
    return session;
  }

  async action(name, headers) {
    let id;
    const reply = await within(`the reply to ${name}`, new Promise((resolve) => {
      id = this.manager.action({ action: name, ...headers }, (_error, answer) => resolve(answer));
    }));
    this.issued.add(id);
    return [id, reply];
  }
}

main(AsteriskManagerSession);
