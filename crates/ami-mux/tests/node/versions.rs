//! Nodes of other versions: old lists, and Commands whose answer is wanted in another form.

use std::time::Duration;

use ami_mux::{LaneRole, Mail, PartKind};
use ami_proto::CommandOutput;

use super::command;
use super::rig::{Rig, settings, text_of, wire_id};

/// The kinds of the parts that came, and which of them was the last.
fn parts(rig: &mut Rig) -> Vec<(PartKind, bool)> {
    let mail = std::mem::take(&mut rig.mail);
    let parts = mail.into_iter().filter_map(|(_, mail)| match mail {
        Mail::Reply { kind, last, .. } => Some((kind, last)),
        _ => None,
    });
    parts.collect()
}

/// Its own login is answered with one that looks like the broadcast: sessions must not hear of a start at each reconnect.
#[test]
fn fully_booted_of_an_old_node_answers_the_login_of_amiplex() {
    let mut rig = Rig::up_as(settings(), "1.3");
    let event = rig.event_lane();
    rig.lose(event);
    rig.connect_all();
    rig.broadcast.clear();
    let event = rig.event_lane();
    let booted = "Event: FullyBooted|Privilege: system,all|Status: Fully Booted";
    rig.says(event, booted);
    assert_eq!(rig.events(), Vec::<String>::new());
    assert_eq!(rig.status.booted.expect("known").uptime, None);
    // A second one without a new connection can only be news.
    rig.says(event, booted);
    assert_eq!(rig.events().len(), 1);
}

#[test]
fn an_old_list_begins_plainly_and_ends_with_the_event_of_its_name() {
    let mut rig = Rig::up_as(settings(), "1.1");
    let lane = rig.lanes(LaneRole::Action)[0];
    rig.submit(1, "Action: QueueStatus|ActionID: mine");
    let id = wire_id(&rig.take(lane));
    rig.says(
        lane,
        &format!("Response: Success|ActionID: {id}|Message: Queue status will follow"),
    );
    rig.says(lane, &format!("Event: QueueParams|Queue: a|ActionID: {id}"));
    assert_eq!(
        parts(&mut rig),
        [(PartKind::ListStart, false), (PartKind::Item, false)]
    );
    rig.says(lane, &format!("Event: QueueStatusComplete|ActionID: {id}"));
    assert_eq!(parts(&mut rig), [(PartKind::Complete, true)]);
}

#[test]
fn an_old_list_that_has_nothing_is_answered_at_once() {
    let mut rig = Rig::up_as(settings(), "2.5.0");
    let lane = rig.lanes(LaneRole::Action)[0];
    rig.submit(1, "Action: VoicemailUsersList|ActionID: mine");
    let id = wire_id(&rig.take(lane));
    rig.says(
        lane,
        &format!("Response: Success|ActionID: {id}|Message: There are no voicemail users currently defined."),
    );
    let whole = PartKind::Response { success: true };
    assert_eq!(parts(&mut rig), [(whole, true)]);
    rig.wait(Duration::from_mins(1));
    assert_eq!(parts(&mut rig), []);
}

/// 13.8 and 14.1 greet alike: what the answer is tells its first line alone.
#[test]
fn the_output_of_a_command_comes_in_the_form_that_is_wanted() {
    let old =
        "Response: Follows|Privilege: Command|ActionID: ID|one\nResponse: Success\n--END COMMAND--";
    let new = "Response: Error|ActionID: ID|Message: Command output follows|Output: one|Output: Response: Success";
    let old_text = "Response: Follows|Privilege: Command|ActionID: mine|one\nResponse: Success\n--END COMMAND--||";
    let new_text = "Response: Success|ActionID: mine|Message: Command output follows|Output: one|Output: Response: Success||";
    for (said, wanted, expected) in [
        (old, CommandOutput::Native, old_text),
        (old, CommandOutput::Output, new_text),
        (old, CommandOutput::Follows, old_text),
        (
            new,
            CommandOutput::Native,
            &*new_text.replace("Success|ActionID", "Error|ActionID"),
        ),
        (
            new,
            CommandOutput::Output,
            &*new_text.replace("Success|ActionID", "Error|ActionID"),
        ),
        (new, CommandOutput::Follows, old_text),
    ] {
        let mut rig = Rig::up_as(settings(), "2.8.0");
        rig.command_output = wanted;
        let lane = rig.lanes(LaneRole::Action)[0];
        rig.submit(1, &format!("{}|ActionID: mine", command("x")));
        let id = wire_id(&rig.take(lane));
        rig.says(lane, &said.replace("ID: ID", &format!("ID: {id}")));
        let mail = std::mem::take(&mut rig.mail);
        let told: Vec<String> = mail
            .iter()
            .filter_map(|(_, mail)| match mail {
                Mail::Reply { bytes, .. } => Some(text_of(bytes).replace("\r\n", "|")),
                _ => None,
            })
            .collect();
        assert_eq!(told, [expected], "{said} {wanted:?}");
    }
}
