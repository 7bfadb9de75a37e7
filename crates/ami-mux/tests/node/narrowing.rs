//! What nobody wants does not come down the event lane; what somebody wants does before he is told so.

use std::time::Duration;

use ami_mux::{LaneRole, NodeSettings};
use ami_proto::{Class, ClassSet};

use crate::rig::{self, FULLY_BOOTED, Rig, settings};

const AFTER: Duration = Duration::from_mins(5);

fn bench() -> Rig {
    Rig::up(NodeSettings {
        narrow_after: Some(AFTER),
        ..settings()
    })
}

/// The mask that the node is asked for on the event lane, answered with `answer`.
fn mask(rig: &mut Rig, answer: &str) -> Option<ClassSet> {
    let lane = rig.event_lane();
    if rig.unanswered(lane).is_empty() {
        return None;
    }
    let action = rig.take(lane);
    assert!(action.name().is_some_and(|name| name.is("Events")));
    let mask = String::from_utf8_lossy(action.header("EventMask").expect("a mask")).into_owned();
    let id = rig::wire_id(&action);
    rig.says(
        lane,
        &format!("Response: {answer}|ActionID: {id}|Events: On"),
    );
    Some(ClassSet::from_bits(mask.parse().expect("a number")))
}

fn want(rig: &mut Rig, classes: &[Class]) -> Option<u64> {
    let ticket = rig
        .node
        .set_wanted(classes.iter().copied().collect(), rig.now);
    rig.pump();
    ticket
}

#[test]
fn what_nobody_wants_for_five_minutes_is_left_out() {
    let mut rig = bench();
    assert_eq!(want(&mut rig, &[Class::Call, Class::Cdr]), None);
    rig.wait(AFTER.saturating_sub(Duration::from_secs(1)));
    assert_eq!(mask(&mut rig, "Success"), None);
    rig.wait(Duration::from_secs(2));
    let asked = mask(&mut rig, "Success").expect("asked for less");
    let needed = [
        Class::System,
        Class::Call,
        Class::Agent,
        Class::User,
        Class::Security,
        Class::HookResponse,
        Class::Message,
    ];
    for class in needed.into_iter().chain([Class::Cdr]) {
        assert!(asked.contains(class), "{class:?}");
    }
    for class in [
        Class::Log,
        Class::Verbose,
        Class::Dtmf,
        Class::Reporting,
        Class::Dialplan,
        Class::Agi,
        Class::Cc,
        Class::Aoc,
        Class::Test,
    ] {
        assert!(!asked.contains(class), "{class:?}");
    }
    rig.wait(AFTER * 3);
    assert_eq!(mask(&mut rig, "Success"), None, "said once");
}

#[test]
fn the_five_minutes_begin_anew_when_the_wish_changes() {
    let mut rig = bench();
    want(&mut rig, &[Class::Call]);
    rig.wait(AFTER / 2);
    want(&mut rig, &[Class::Call, Class::Cdr]);
    rig.wait(AFTER / 2 + Duration::from_secs(1));
    assert_eq!(mask(&mut rig, "Success"), None);
    rig.wait(AFTER / 2);
    assert!(
        mask(&mut rig, "Success")
            .expect("asked for less")
            .contains(Class::Cdr)
    );
}

#[test]
fn who_wants_more_waits_until_the_node_has_heard_it() {
    let mut rig = bench();
    want(&mut rig, &[]);
    rig.wait(AFTER + Duration::from_secs(1));
    assert!(
        !mask(&mut rig, "Success")
            .expect("less")
            .contains(Class::Dialplan)
    );
    let ticket = want(&mut rig, &[Class::Dialplan]).expect("must wait");
    let other = want(&mut rig, &[Class::Dialplan]).expect("must wait as well");
    assert_eq!(
        want(&mut rig, &[Class::Dialplan, Class::Call]).map(|_| ()),
        Some(())
    );
    assert!(rig.heard.is_empty());
    assert!(
        mask(&mut rig, "Success")
            .expect("more, at once")
            .contains(Class::Dialplan)
    );
    assert_eq!(rig.heard[..2], [ticket, other]);
    assert_eq!(want(&mut rig, &[Class::Dialplan]), None, "it comes already");
    assert_eq!(mask(&mut rig, "Success"), None);
}

/// A wish that comes while a narrower mask is on its way is behind it.
#[test]
fn the_wider_mask_overtakes_no_narrower_one() {
    let mut rig = bench();
    want(&mut rig, &[]);
    rig.wait(AFTER + Duration::from_secs(1));
    let ticket = want(&mut rig, &[Class::Cdr]).expect("must wait");
    assert!(
        !mask(&mut rig, "Success")
            .expect("the narrow one")
            .contains(Class::Cdr)
    );
    assert!(rig.heard.is_empty());
    assert!(
        mask(&mut rig, "Success")
            .expect("the wide one")
            .contains(Class::Cdr)
    );
    assert_eq!(rig.heard, [ticket]);
}

#[test]
fn a_lost_event_lane_keeps_nobody_waiting_and_begins_with_everything() {
    let mut rig = bench();
    want(&mut rig, &[]);
    rig.wait(AFTER + Duration::from_secs(1));
    mask(&mut rig, "Success").expect("less");
    let ticket = want(&mut rig, &[Class::Cdr]).expect("must wait");
    let lane = rig.event_lane();
    rig.lose(lane);
    assert_eq!(rig.heard, [ticket]);
    rig.connect_all();
    let lane = rig.event_lane();
    rig.says(lane, FULLY_BOOTED);
    assert_eq!(want(&mut rig, &[Class::Log]), None);
    rig.wait(AFTER + Duration::from_secs(1));
    let asked = mask(&mut rig, "Success").expect("less again");
    assert!(asked.contains(Class::Log) && !asked.contains(Class::Cdr));
}

#[test]
fn a_node_that_refuses_a_mask_sends_everything_and_is_asked_no_more() {
    let mut rig = bench();
    want(&mut rig, &[]);
    rig.wait(AFTER + Duration::from_secs(1));
    mask(&mut rig, "Error").expect("less");
    assert_eq!(rig.lanes(LaneRole::Event).len(), 1);
    assert_eq!(want(&mut rig, &[Class::Cdr]), None);
    rig.wait(AFTER * 2);
    assert_eq!(mask(&mut rig, "Success"), None);
}

/// To a mask of all classes some nodes do not answer.
#[test]
fn no_mask_is_that_of_all_classes() {
    let mut rig = bench();
    want(&mut rig, &[]);
    rig.wait(AFTER + Duration::from_secs(1));
    mask(&mut rig, "Success").expect("less");
    rig.node.set_wanted(ClassSet::ALL, rig.now);
    rig.pump();
    let asked = mask(&mut rig, "Success").expect("everything");
    assert_ne!(asked, ClassSet::ALL);
    assert!(asked.contains(Class::Message) && asked.contains(Class::Test));
}

#[test]
fn nothing_is_left_out_where_that_is_not_configured() {
    let mut rig = Rig::up(settings());
    assert_eq!(want(&mut rig, &[]), None);
    rig.wait(AFTER * 3);
    assert_eq!(mask(&mut rig, "Success"), None);
}
