'use strict';
// The checks with yana: a callback that is called with each message of the action, the reply first.

const AMI = require('yana');
const { Refused, Session, headersOf, main, within } = require('../scenario.js');

class YanaSession extends Session {
  static async connect(host, port, login, password) {
    const session = new this();
    session.ami = new AMI({ host, port, login, password });
    session.ami.on('event', (event) => session.saw(headersOf(event)));
    await new Promise((resolve, reject) => {
      session.ami.on('error', (text) => reject(new Refused(text)));
      session.ami.connect(resolve);
    });
    // Later it reports the end of the connection as an error.
    session.ami.removeAllListeners('error');
    session.ami.on('error', () => session.sawClose());
    return session;
  }

  async action(name, headers) {
    const action = { Action: name, ...headers };
    const reply = await within(`the reply to ${name}`, new Promise((resolve) => {
      this.ami.send(action, resolve);
    }));
    this.issued.add(String(action.ActionID));
    return [String(action.ActionID), headersOf(reply)];
  }
}

main(YanaSession);
