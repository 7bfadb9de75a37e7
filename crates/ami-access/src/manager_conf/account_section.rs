//! One section of manager.conf to one account.
//!
//! Accounts are built from scratch at each load: an option whose line is gone is gone, unlike in a
//! running Asterisk. A restriction that cannot be enforced is an error of the account, never ignored.

mod option;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ami_proto::{Class, ClassSet};

use super::named_acl::NamedAcls;
use super::report::{Place, Report};
use super::section::Section;
use crate::account::{
    Account, AccountName, ActionRights, CommandRights, General, Limits, NodeRules, NodeScope,
    SlowPolicy,
};
use crate::acl::Acl;
use crate::event_filter::EventFilters;
use crate::node::NodeSelector;
use crate::scope;

/// Collects the accounts of a file in order.
pub(super) struct AccountsBuilder<'a> {
    general: &'a General,
    disabled_events: Arc<HashSet<String>>,
    named_acls: &'a NamedAcls,
    accounts: Vec<(Account, Place)>,
    by_name: HashMap<AccountName, usize>,
}

impl<'a> AccountsBuilder<'a> {
    pub(super) fn new(
        general: &'a General,
        disabled_events: Arc<HashSet<String>>,
        named_acls: &'a NamedAcls,
    ) -> Self {
        Self {
            general,
            disabled_events,
            named_acls,
            accounts: Vec::new(),
            by_name: HashMap::new(),
        }
    }

    /// Takes a section in. One that repeats a name goes on with that account.
    pub(super) fn section(&mut self, section: &Section, report: &mut Report) {
        if section.name.is_empty() || section.name.len() > AccountName::BYTES_MAX {
            report.error(
                &section.at,
                format!(
                    "the name of an account has 1 to {} bytes",
                    AccountName::BYTES_MAX
                ),
            );
            return;
        }
        let name = AccountName::from(&*section.name);
        let index = if let Some(&index) = self.by_name.get(&name) {
            self.restart(index, &section.at, report);
            index
        } else {
            let index = self.accounts.len();
            self.accounts
                .push((self.blank(name.clone(), &section.at), section.at.clone()));
            self.by_name.insert(name, index);
            index
        };
        if let Some((account, _)) = self.accounts.get_mut(index) {
            for variable in &section.variables {
                option::apply(account, variable, self.named_acls, report);
            }
        }
    }

    /// All accounts, each looked at as a whole.
    pub(super) fn finish(self, report: &mut Report) -> Vec<Account> {
        let look = |(account, at): (Account, Place)| {
            match &account.secret {
                Some(_) if account.secret_hash.is_some() => {
                    let text = format!(
                        "account {} has both secret and secret_hash: remove one",
                        account.name
                    );
                    report.error(&at, text);
                }
                None if account.secret_hash.is_some() => {}
                None => report.notice(
                    &at,
                    format!("account {} has no secret: nobody can log in", account.name),
                ),
                Some(secret) if secret.is_empty() => {
                    report.notice(
                        &at,
                        format!(
                            "account {} has an empty secret: nobody can log in",
                            account.name
                        ),
                    );
                }
                Some(_) => {}
            }
            if account.acl.leaves_ipv6_open() {
                let text = format!(
                    "account {} denies all of IPv4 but no IPv6: every IPv6 peer may log in (add deny=::/0)",
                    account.name
                );
                report.notice(&at, text);
            }
            if account.channels.is_some() {
                notice_what_channels_leave(&account, &at, report);
                for rule in account.node_rules.iter() {
                    notice_what_channels_leave(&account.under(&[rule]), &at, report);
                }
            }
            if let (NodeScope::Only(selectors), Some(default)) =
                (&account.nodes, &account.default_node)
                // Which nodes have a tag is not known here.
                && selectors.iter().all(|one| matches!(one, NodeSelector::Name(_)))
                && !account.nodes.holds::<&str>(default, &[])
            {
                let text = format!(
                    "default_node of account {} is not among its nodes",
                    account.name
                );
                report.error(&at, text);
            }
            account
        };
        self.accounts.into_iter().map(look).collect()
    }

    fn blank(&self, name: AccountName, at: &Place) -> Account {
        Account {
            name,
            read: ClassSet::NONE,
            write: ClassSet::NONE,
            secret: None,
            secret_hash: None,
            acl: Acl::default(),
            nodes: NodeScope::All,
            default_node: None,
            strict: false,
            rate: None,
            rate_account: None,
            coalesce: true,
            limits: Limits::default(),
            resync: None,
            label: None,
            slow: SlowPolicy::default(),
            event_age: None,
            event_bytes: None,
            flush: None,
            inflight: None,
            on_node_loss: None,
            command_output: None,
            setvars: Vec::new(),
            allow_multiple_login: self.general.allow_multiple_login,
            display_connects: self.general.display_connects,
            actions: ActionRights::default(),
            commands: CommandRights::default(),
            node_rules: NodeRules::default(),
            channels: None,
            event_filters: EventFilters::with_disabled(Arc::clone(&self.disabled_events)),
            file: at.file.clone(),
            line: at.line,
        }
    }

    /// Asterisk drops these three before it reads a section that repeats an account.
    fn restart(&mut self, index: usize, at: &Place, report: &mut Report) {
        if let Some((account, _)) = self.accounts.get_mut(index) {
            let text = format!(
                "[{}] repeats an account: as in Asterisk, the permit, deny, acl, eventfilter and setvar lines of its \
                 earlier section no longer count (write [{}](+) to add to it)",
                account.name, account.name
            );
            report.notice(at, text);
            account.acl = Acl::default();
            account.event_filters.clear();
            account.setvars.clear();
        }
    }
}

/// Says what an account with `channels` may do beyond them.
fn notice_what_channels_leave(account: &Account, at: &Place, report: &mut Report) {
    let name = &account.name;
    for action in scope::unlimited(account) {
        let text = format!(
            "account {name} has channels, which do not limit {action}: allow_actions names it"
        );
        report.notice(at, text);
    }
    let open = SENDERS
        .into_iter()
        .filter(|(action, class)| account.write.contains(*class) && account.may_ever_run(action));
    let open: Vec<&str> = open.map(|(action, _)| action).collect();
    if account.limits.contexts.is_none() && !account.limits.safe && !open.is_empty() {
        let text = format!(
            "account {name} has channels and no contexts: {} lead anywhere in the dialplan",
            open.join(", ")
        );
        report.notice(at, text);
    }
}

/// Actions that send a channel into the dialplan.
const SENDERS: [(&str, Class); 4] = [
    ("Originate", Class::Originate),
    ("Redirect", Class::Call),
    ("Atxfer", Class::Call),
    ("BlindTransfer", Class::Call),
];
