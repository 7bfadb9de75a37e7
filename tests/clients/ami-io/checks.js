'use strict';
// The checks with ami-io: a callback per action; lists come as the events of the response.

const AmiIo = require('ami-io');
const { Refused, Session, headersOf, main, within } = require('../scenario.js');

const BOOKKEEPING = ['variables', 'incomingData', 'events', ''];

class AmiIoSession extends Session {
  static async connect(host, port, login, password) {
    const session = new this();
    const logger = new AmiIo.SilentLogger();
    session.client = AmiIo.createClient({ host, port, login, password, logger });
    session.replies = new Map();
    session.client.on('rawEvent', (event) => session.saw(headersOf(event, BOOKKEEPING)));
    session.client.on('disconnected', () => session.sawClose());
    // It waits for events after the reply to Command, whose text says "follows", so that reply is taken here.
    session.client.on('needParseResponse', (reply) => session.replies.get(reply.actionid)?.(reply));
    let refusal;
    session.client.on('needParseResponse', (reply) => { refusal ??= reply.message; });
    await new Promise((resolve, reject) => {
      session.client.on('connected', resolve);
      session.client.on('incorrectLogin', () => reject(new Refused(refusal)));
      session.client.on('socketError', reject);
      session.client.connect(false);
    });
    return session;
  }

  async send(name, headers) {
    const action = new AmiIo.Action.Action(name);
    Object.entries(headers).forEach(([header, value]) => action.set(header, value));
    const id = String(action.ActionID);
    this.issued.add(id);
    const reply = await within(`the reply to ${name}`, new Promise((resolve) => {
      if (name === 'Command') this.replies.set(id, resolve);
      this.client.send(action, (refused, answer) => resolve(refused || answer));
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

main(AmiIoSession);
