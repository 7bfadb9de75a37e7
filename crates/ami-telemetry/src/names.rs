//! Every metric of amiplex: name, kind, unit and help, in one table.
//!
//! Prefix `amiplex_`, unit last, `_total` for counters. Labels come only from bounded sets: names from the configuration
//! (`node`, `listener`, `account`), the action table (`action`, else `other`) and the enums of this crate (`reason` …).
//! Metrics are registered only through [`Metric`], so a name cannot be mistyped at a call site.

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Unit};

/// What a metric measures, which decides how it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Distribution over [`ACTION_SECONDS_BUCKETS`].
    Histogram,
}

/// One metric's name and meaning.
#[derive(Debug)]
pub struct Metric {
    /// The full name as Prometheus shows it.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Unit of the value.
    pub unit: Unit,
    /// One sentence for the `# HELP` line.
    pub help: &'static str,
}

/// Upper bounds of the histogram of action times, in seconds: from one hop on a LAN to the action deadline of 30 s.
pub const ACTION_SECONDS_BUCKETS: [f64; 15] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Declares the metrics and [`ALL`], so that none can be left out of the table.
macro_rules! metrics_table {
    ($($ident:ident $kind:ident $unit:ident $name:literal $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $ident: Metric = Metric { name: $name, kind: Kind::$kind, unit: Unit::$unit, help: $help };
        )+
        /// Every metric, in the order of the table.
        pub const ALL: &[&Metric] = &[$(&$ident),+];
    };
}

metrics_table! {
    BUILD_INFO Gauge Count "amiplex_build_info" "Always 1; label version is the running version.";

    CONNECTIONS Counter Count "amiplex_connections_total" "Client connections accepted, by listener.";
    SESSIONS Gauge Count "amiplex_sessions" "Client sessions open now, by listener, logged in or not.";
    SESSIONS_UNAUTHENTICATED Gauge Count "amiplex_sessions_unauthenticated" "Client sessions open now that have not logged in.";
    CLOSES Counter Count "amiplex_closes_total" "Client sessions ended, by reason.";
    LOGINS Counter Count "amiplex_logins_total" "Successful logins, by account.";
    LOGIN_FAILURES Counter Count "amiplex_login_failures_total" "Failed logins, by reason.";
    DOWNSTREAM_BYTES Counter Bytes "amiplex_downstream_bytes_total" "Bytes read from clients (direction in) and written to them (out).";
    OUTBOUND_QUEUE_BYTES Gauge Bytes "amiplex_outbound_queue_bytes" "Bytes waiting in the outbound queues of all sessions.";

    ACTIONS Counter Count "amiplex_actions_total" "Actions finished on a node, by node, action and outcome.";
    ACTIONS_LOCAL Counter Count "amiplex_actions_local_total" "Actions answered by amiplex itself, by action.";
    ACTIONS_REFUSED Counter Count "amiplex_actions_refused_total" "Actions refused before routing, by reason.";
    ACTIONS_SHARED Counter Count "amiplex_actions_shared_total" "Actions answered together with equal ones of other sessions, by node.";
    ACTIONS_FROM_CACHE Counter Count "amiplex_actions_from_cache_total" "Actions answered with an answer that was kept, by node.";
    UPSTREAM_ACTIONS_SAVED Counter Count "amiplex_upstream_actions_saved_total" "Actions that were not written to the node, because one answer served several sessions or was kept, by node.";
    ACTION_SECONDS Histogram Seconds "amiplex_action_seconds" "Time from writing an action to a node to its final answer, by node.";

    EVENTS_RECEIVED Counter Count "amiplex_events_received_total" "Events received on the event lane, by node.";
    EVENTS_DELIVERED Counter Count "amiplex_events_delivered_total" "Events written to clients, summed over clients.";
    EVENTS_DROPPED Counter Count "amiplex_events_dropped_total" "Events queued for a client but not delivered, by reason.";
    SECURITY_EVENTS_SUPPRESSED Counter Count "amiplex_security_events_suppressed_total" "Refusals for which no security event was raised, because there were too many.";
    SECURITY_LOG_DROPPED Counter Count "amiplex_security_log_dropped_total" "Records that are not in the security log, because it could not be written or not fast enough.";
    AUDIT_LOG_DROPPED Counter Count "amiplex_audit_log_dropped_total" "Lines that are not in the audit log, because it could not be written or not fast enough.";
    EVENT_GATE_TIMEOUTS Counter Count "amiplex_event_gate_timeouts_total" "Times a session's events were released before the answer of its own action came.";

    NODE_UP Gauge Count "amiplex_node_up" "1 while the event lane of the node is logged in, else 0.";
    NODES_ALIKE Gauge Count "amiplex_nodes_alike" "Pairs of nodes that are one Asterisk under two names, or share a systemname.";
    NODE_STATE Gauge Count "amiplex_node_state" "1 for the state that the node is in, else 0, by node and state.";
    NODE_FAILURES Gauge Count "amiplex_node_failures" "Attempts in a row to log in to the node that failed; 0 while it is logged in.";
    LANES Gauge Count "amiplex_lanes" "Upstream sessions logged in now, by node and kind (event, action, blocking).";
    LANE_PENDING Gauge Count "amiplex_lane_pending" "Actions written to the node and not answered yet, by node.";
    RECONNECTS Counter Count "amiplex_reconnects_total" "Upstream sessions lost and begun anew, by node.";
    CONNECT_FAILURES Counter Count "amiplex_connect_failures_total" "Failed attempts to open an upstream session, by node and step.";
    LATE_ANSWERS Counter Count "amiplex_late_answers_total" "Answers that came after the deadline of their action, by node.";
    FOREIGN_IDS Counter Count "amiplex_foreign_ids_total" "Messages whose wire ActionID belongs to no live action and was removed, by node.";
    UPSTREAM_BYTES Counter Bytes "amiplex_upstream_bytes_total" "Bytes read from the node (direction in) and written to it (out), by node.";

    RELOADS Counter Count "amiplex_reloads_total" "Times the configuration was read again while amiplex ran, by result (applied, refused).";
    TASK_PANICS Counter Count "amiplex_task_panics_total" "Tasks that ended by a bug in amiplex and were caught by the supervisor.";
}

impl Metric {
    /// Registers the counter with these labels at the current recorder and returns its handle.
    pub(crate) fn counter(&self, labels: &[(&'static str, &str)]) -> Counter {
        metrics::with_recorder(|recorder| recorder.register_counter(&self.key(labels), &METADATA))
    }

    /// Registers the gauge with these labels at the current recorder and returns its handle.
    pub(crate) fn gauge(&self, labels: &[(&'static str, &str)]) -> Gauge {
        metrics::with_recorder(|recorder| recorder.register_gauge(&self.key(labels), &METADATA))
    }

    /// Registers the histogram with these labels at the current recorder and returns its handle.
    pub(crate) fn histogram(&self, labels: &[(&'static str, &str)]) -> Histogram {
        metrics::with_recorder(|recorder| recorder.register_histogram(&self.key(labels), &METADATA))
    }

    fn key(&self, labels: &[(&'static str, &str)]) -> Key {
        let labels: Vec<Label> = labels
            .iter()
            .map(|&(name, value)| Label::new(name, value.to_owned()))
            .collect();
        Key::from_parts(self.name, labels)
    }
}

static METADATA: Metadata<'static> = Metadata::new("amiplex", Level::INFO, None);

/// Tells the current recorder the help text and unit of every metric.
pub(crate) fn describe_all() {
    metrics::with_recorder(|recorder| {
        for metric in ALL {
            let (name, unit) = (KeyName::from_const_str(metric.name), Some(metric.unit));
            match metric.kind {
                Kind::Counter => recorder.describe_counter(name, unit, metric.help.into()),
                Kind::Gauge => recorder.describe_gauge(name, unit, metric.help.into()),
                Kind::Histogram => recorder.describe_histogram(name, unit, metric.help.into()),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_rules_of_the_design() {
        let names: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len(), "a name is used twice");
        for metric in ALL {
            let name = metric.name;
            assert!(name.starts_with("amiplex_"), "{name}");
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{name}"
            );
            assert_eq!(
                name.ends_with("_total"),
                metric.kind == Kind::Counter,
                "{name}"
            );
            assert_eq!(
                name.contains("_bytes"),
                metric.unit == Unit::Bytes,
                "{name}"
            );
            assert_eq!(
                name.ends_with("_seconds"),
                metric.unit == Unit::Seconds,
                "{name}"
            );
            assert!(metric.help.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn buckets_ascend() {
        assert!(
            ACTION_SECONDS_BUCKETS
                .windows(2)
                .all(|pair| pair[0] < pair[1])
        );
    }

    /// An alert on a name that does not exist never fires, and nobody notices.
    #[test]
    fn the_shipped_alerts_ask_for_metrics_that_exist() {
        let alerts = include_str!("../../../deploy/prometheus/alerts.yml");
        let known: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        let words = alerts.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        let mut asked = 0;
        for word in words.filter(|word| word.starts_with("amiplex_")) {
            assert!(known.contains(word.trim_end_matches("_bucket")), "{word}");
            asked += 1;
        }
        assert!(asked > 10, "{asked}");
    }
}
