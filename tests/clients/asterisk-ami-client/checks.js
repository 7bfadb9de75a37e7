'use strict';
// The checks with asterisk-ami-client: a promise per action, list items as ordinary events.

const fs = require('fs');
const net = require('net');
const tls = require('tls');
const AmiClient = require('asterisk-ami-client');
const { CERTIFICATE, Refused, Session, headersOf, main } = require('../scenario.js');

// It calls net.connect with the options that it is given; tls.connect takes the same.
if (CERTIFICATE) net.connect = tls.connect;
const OPTIONS = CERTIFICATE ? { ca: fs.readFileSync(CERTIFICATE) } : {};

class AmiClientSession extends Session {
  static async connect(host, port, user, secret) {
    const session = new this();
    session.client = new AmiClient({ dontDeleteSpecActionId: true });
    session.client.on('event', (event) => session.saw(headersOf(event)));
    session.client.on('disconnect', () => session.sawClose());
    try {
      await session.client.connect(user, secret, { host, port, ...OPTIONS });
    } catch (error) {
      throw error.name === 'AmiAuthError' || /^AMI message/.test(error.message) ? new Refused(error.message) : error;
    }
    return session;
  }

  async action(name, headers) {
    const message = { Action: name, ...headers };
    const reply = await this.client.action(message, true);
    this.issued.add(message.ActionID);
    return [message.ActionID, headersOf(reply)];
  }

  // One after the other: its ids are times in milliseconds, so several actions at once would share one.
  async many(actions) {
    const replies = [];
    for (const [name, headers] of actions) replies.push((await this.action(name, headers))[1]);
    return replies;
  }
}

main(AmiClientSession);
