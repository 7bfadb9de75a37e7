use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;

use super::*;
use crate::prometheus;

/// Runs `work` with a recorder of its own and returns what Prometheus would read.
fn scraped(work: impl FnOnce(&PrometheusHandle)) -> String {
    let recorder = prometheus::recorder().expect("buckets are valid");
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        names::describe_all();
        work(&handle);
    });
    handle.render()
}

#[track_caller]
fn assert_line(text: &str, line: &str) {
    assert!(
        text.lines().any(|have| have == line),
        "no line {line:?} in:\n{text}"
    );
}

#[test]
fn a_session_is_counted_in_and_out() {
    let text = scraped(|handle| {
        let meters = ListenerMeters::new("main");
        let first = meters.session();
        let _second = meters.session();
        assert_line(&handle.render(), "amiplex_sessions{listener=\"main\"} 2");
        drop(first);
        assert_line(&handle.render(), "amiplex_sessions{listener=\"main\"} 1");
    });
    assert_line(&text, "amiplex_connections_total{listener=\"main\"} 2");
    assert_line(&text, "amiplex_sessions{listener=\"main\"} 0");
}

#[test]
fn each_reason_reaches_its_own_counter() {
    let text = scraped(|_| {
        let meters = Meters::new("1.2.3");
        for (times, reason) in CloseReason::ALL.into_iter().enumerate() {
            (0..times).for_each(|_| meters.session_closed(reason));
        }
        meters.login("operator");
        meters.login_failed(LoginFailure::WrongKey);
        meters.action_refused(RefusalReason::Denied);
        meters.events_dropped(DropReason::Age, 7);
    });
    for (times, reason) in CloseReason::ALL.into_iter().enumerate() {
        assert_line(
            &text,
            &format!(
                "amiplex_closes_total{{reason=\"{}\"}} {times}",
                reason.as_label()
            ),
        );
    }
    assert_line(&text, "amiplex_build_info{version=\"1.2.3\"} 1");
    assert_line(&text, "amiplex_logins_total{account=\"operator\"} 1");
    assert_line(
        &text,
        "amiplex_login_failures_total{reason=\"wrong_key\"} 1",
    );
    assert_line(
        &text,
        "amiplex_login_failures_total{reason=\"wrong_secret\"} 0",
    );
    assert_line(&text, "amiplex_actions_refused_total{reason=\"denied\"} 1");
    assert_line(&text, "amiplex_events_dropped_total{reason=\"age\"} 7");
}

#[test]
fn queue_bytes_go_up_and_down() {
    let text = scraped(|_| {
        let meters = Meters::new("0");
        meters.outbound_queued(1000);
        meters.outbound_released(400);
        meters.bytes_in(12);
        meters.bytes_out(34);
    });
    assert_line(&text, "amiplex_outbound_queue_bytes 600");
    assert_line(&text, "amiplex_downstream_bytes_total{direction=\"in\"} 12");
    assert_line(
        &text,
        "amiplex_downstream_bytes_total{direction=\"out\"} 34",
    );
}

const STATES: [&str; 3] = ["connecting", "up", "lagging"];

#[test]
fn actions_of_a_node_are_split_by_action_and_outcome() {
    let text = scraped(|_| {
        let mut meters = NodeMeters::new("pbx1", &STATES);
        meters.action_done(
            "Ping",
            ActionOutcome::Success,
            Some(Duration::from_millis(2)),
        );
        meters.action_done(
            "Ping",
            ActionOutcome::Success,
            Some(Duration::from_millis(3)),
        );
        meters.action_done(OTHER_ACTION, ActionOutcome::NotSent, None);
        meters.up(true);
        meters.state("lagging");
        meters.failures(3);
        meters.lanes(LaneKind::Action, 3);
        meters.pending(5);
        meters.connect_failed(ConnectStep::Tls);
    });
    assert_line(
        &text,
        "amiplex_actions_total{node=\"pbx1\",action=\"Ping\",outcome=\"success\"} 2",
    );
    assert_line(
        &text,
        "amiplex_actions_total{node=\"pbx1\",action=\"other\",outcome=\"not_sent\"} 1",
    );
    assert_line(&text, "amiplex_action_seconds_count{node=\"pbx1\"} 2");
    assert_line(
        &text,
        "amiplex_action_seconds_bucket{node=\"pbx1\",le=\"0.0025\"} 1",
    );
    assert_line(&text, "amiplex_node_up{node=\"pbx1\"} 1");
    for (state, value) in [("lagging", 1), ("connecting", 0), ("up", 0)] {
        let line = format!("amiplex_node_state{{node=\"pbx1\",state=\"{state}\"}} {value}");
        assert_line(&text, &line);
    }
    assert_line(&text, "amiplex_node_failures{node=\"pbx1\"} 3");
    assert_line(&text, "amiplex_lanes{node=\"pbx1\",kind=\"action\"} 3");
    assert_line(&text, "amiplex_lanes{node=\"pbx1\",kind=\"event\"} 0");
    assert_line(&text, "amiplex_lane_pending{node=\"pbx1\"} 5");
    assert_line(
        &text,
        "amiplex_connect_failures_total{node=\"pbx1\",step=\"tls\"} 1",
    );
}

#[test]
fn what_a_node_did_not_see_is_counted_by_why() {
    let text = scraped(|_| {
        let meters = NodeMeters::new("pbx1", &["up"]);
        meters.action_shared(100);
        meters.action_shared(2);
        meters.action_from_cache();
    });
    for (metric, value) in [
        ("actions_shared_total", 102),
        ("actions_from_cache_total", 1),
        ("upstream_actions_saved_total", 99 + 1 + 1),
    ] {
        assert_line(&text, &format!("amiplex_{metric}{{node=\"pbx1\"}} {value}"));
    }
}

#[test]
fn help_and_type_are_exported() {
    let text = scraped(|_| drop(NodeMeters::new("pbx1", &STATES)));
    assert_line(&text, "# TYPE amiplex_node_up gauge");
    assert_line(
        &text,
        &format!("# HELP amiplex_node_up {}", names::NODE_UP.help),
    );
    assert_line(&text, "# TYPE amiplex_events_received_total counter");
}
