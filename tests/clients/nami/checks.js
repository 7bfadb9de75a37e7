'use strict';
// The checks with nami: a callback per action; lists come as the events of the response.

const { Nami, Actions } = require('nami');
const { Refused, Session, headersOf, main, within } = require('../scenario.js');

const SILENT = { error() {}, warn() {}, info() {}, debug() {} };
const BOOKKEEPING = ['lines', 'EOL', 'events'];

class NamiSession extends Session {
  static async connect(host, port, username, secret) {
    const session = new this();
    session.nami = new Nami({ host, port, username, secret, logger: SILENT });
    session.replies = new Map();
    session.nami.on('namiEvent', (event) => session.saw(headersOf(event, BOOKKEEPING)));
    session.nami.on('namiConnectionClose', () => session.sawClose());
    // It waits for events after the reply to Command, whose text says "follows", so that reply is taken here.
    session.nami.on('namiRawResponse', (reply) => session.replies.get(reply.actionid)?.(reply));
    let refusal;
    session.nami.on('namiRawResponse', (reply) => { refusal ??= reply.message; });
    await new Promise((resolve, reject) => {
      session.nami.on('namiConnected', resolve);
      session.nami.on('namiLoginIncorrect', () => setImmediate(() => reject(new Refused(refusal))));
      session.nami.on('namiConnectionError', ({ error }) => reject(error));
      session.nami.open();
    });
    return session;
  }

  async send(name, headers) {
    // Not every action has a class of its own, and the base class is not exported: any class, under the name wanted.
    const action = new Actions.Ping();
    action.set('Action', name);
    Object.entries(headers).forEach(([header, value]) => action.set(header, value));
    const id = String(action.ActionID);
    this.issued.add(id);
    const reply = await within(`the reply to ${name}`, new Promise((resolve) => {
      if (name === 'Command') this.replies.set(id, resolve);
      this.nami.send(action, resolve);
    }));
    return [id, reply];
  }

  async action(name, headers) {
    const [id, reply] = await this.send(name, headers);
    return [id, headersOf(reply, BOOKKEEPING)];
  }

  async list(name, headers = {}) {
    const [, reply] = await this.send(name, headers);
    return [headersOf(reply, BOOKKEEPING), reply.events.map((event) => headersOf(event, BOOKKEEPING))];
  }
}

main(NamiSession);
