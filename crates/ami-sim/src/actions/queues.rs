//! Queues: status, summary, members coming, going and pausing.

use super::{Outcome, Turn};
use crate::message::Message;
use crate::world::channel::shown;
use crate::world::queue::{Caller, Member, Queue};

pub(super) fn queue_status(turn: &mut Turn<'_>) -> Outcome {
    let (asked, member) = (turn.value("Queue"), turn.value("Member"));
    let mut items = Vec::new();
    for queue in asked_for(turn, asked) {
        items.push(
            queue
                .params(Message::event("QueueParams"))
                .action_id(turn.id()),
        );
        for own in &queue.members {
            if member.is_empty() || own.interface.as_bytes() == member {
                let start = Message::event("QueueMember").header("Queue", &queue.name);
                items.push(own.item_headers(start).action_id(turn.id()));
            }
        }
        for (index, caller) in queue.callers.iter().enumerate() {
            items.extend(entry(turn, queue, index, caller));
        }
    }
    turn.list(
        "Queue status will follow",
        items,
        "QueueStatusComplete",
        &[],
    )
}

fn entry(turn: &Turn<'_>, queue: &Queue, index: usize, caller: &Caller) -> Option<Message> {
    let channel = turn.world.channels.get(&caller.channel)?;
    let waited = turn
        .world
        .clock
        .now()
        .saturating_duration_since(caller.joined);
    Some(
        Message::event("QueueEntry")
            .header("Queue", &queue.name)
            .header("Position", (index + 1).to_string())
            .header("Channel", &channel.name)
            .header("Uniqueid", &channel.uniqueid)
            .header("CallerIDNum", shown(&channel.caller.num))
            .header("CallerIDName", shown(&channel.caller.name))
            .header("ConnectedLineNum", shown(&channel.connected.num))
            .header("ConnectedLineName", shown(&channel.connected.name))
            .header("Wait", waited.as_secs().to_string())
            .header("Priority", "0")
            .action_id(turn.id()),
    )
}

fn asked_for<'a>(turn: &'a Turn<'_>, asked: &'a [u8]) -> impl Iterator<Item = &'a Queue> {
    turn.world
        .queues
        .iter()
        .filter(move |queue| asked.is_empty() || queue.name.as_bytes().eq_ignore_ascii_case(asked))
}

pub(super) fn queue_summary(turn: &mut Turn<'_>) -> Outcome {
    let now = turn.world.clock.now();
    let items = asked_for(turn, turn.value("Queue"))
        .map(|queue| {
            let longest = queue
                .callers
                .iter()
                .map(|caller| now.saturating_duration_since(caller.joined).as_secs())
                .max()
                .unwrap_or(0);
            let free = queue.members.iter().filter(|member| member.is_free());
            Message::event("QueueSummary")
                .header("Queue", &queue.name)
                .header("LoggedIn", queue.members.len().to_string())
                .header("Available", free.count().to_string())
                .header("Callers", queue.callers.len().to_string())
                .header("HoldTime", queue.hold_time.to_string())
                .header("TalkTime", queue.talk_time.to_string())
                .header("LongestHoldTime", longest.to_string())
                .action_id(turn.id())
        })
        .collect();
    turn.list(
        "Queue summary will follow",
        items,
        "QueueSummaryComplete",
        &[],
    )
}

pub(super) fn queue_add(turn: &mut Turn<'_>) -> Outcome {
    let (queue, interface) = (turn.text("Queue"), turn.text("Interface"));
    if queue.is_empty() {
        return turn.error("'Queue' not specified.");
    }
    if interface.is_empty() {
        return turn.error("'Interface' not specified.");
    }
    let penalty = turn.text("Penalty").parse().unwrap_or(0);
    let mut member = Member::new(
        &turn.text("MemberName"),
        &interface,
        turn.world.clock.wall().as_secs(),
    );
    if member.name.is_empty() {
        member.name.clone_from(&interface);
    }
    let state_interface = turn.text("StateInterface");
    if !state_interface.is_empty() {
        member.state_interface = state_interface;
    }
    member.dynamic = true;
    member.penalty = penalty;
    member.paused = turn.is_true("Paused");
    let Some(found) = turn.world.find_queue(queue.as_bytes()) else {
        return turn.error("Unable to add interface to queue: No such queue");
    };
    if found.member_mut(interface.as_bytes()).is_some() {
        return turn.error("Unable to add interface: Already there");
    }
    found.members.push(member);
    turn.world
        .queue_member_event("QueueMemberAdded", &queue, &interface);
    turn.world
        .device_state(&format!("Queue:{queue}_avail"), "NOT_INUSE");
    turn.done("Added interface to queue")
}

pub(super) fn queue_remove(turn: &mut Turn<'_>) -> Outcome {
    let (queue, interface) = (turn.text("Queue"), turn.text("Interface"));
    if queue.is_empty() || interface.is_empty() {
        return turn.error("Need 'Queue' and 'Interface' parameters.");
    }
    let Some(found) = turn.world.find_queue(queue.as_bytes()) else {
        return turn.error("Unable to remove interface from queue: No such queue");
    };
    match found.member_mut(interface.as_bytes()) {
        None => return turn.error("Unable to remove interface: Not there"),
        Some(member) if !member.dynamic => {
            return turn.error("Member not dynamic");
        }
        Some(_) => {}
    }
    turn.world
        .queue_member_event("QueueMemberRemoved", &queue, &interface);
    if let Some(found) = turn.world.find_queue(queue.as_bytes()) {
        found
            .members
            .retain(|member| !member.interface.eq_ignore_ascii_case(&interface));
    }
    turn.done("Removed interface from queue")
}

pub(super) fn queue_pause(turn: &mut Turn<'_>) -> Outcome {
    let interface = turn.text("Interface");
    if interface.is_empty() || turn.value("Paused").is_empty() {
        return turn.error("Need 'Interface' and 'Paused' parameters.");
    }
    let (paused, reason) = (turn.is_true("Paused"), turn.text("Reason"));
    let now = turn.world.clock.wall().as_secs();
    let event = if turn.world.is_legacy() {
        "QueueMemberPaused"
    } else {
        "QueueMemberPause"
    };
    let found = change_members(turn, &interface, event, |member| {
        member.paused = paused;
        member.paused_reason = if paused {
            reason.clone()
        } else {
            String::new()
        };
        if paused {
            member.last_pause = now;
        }
    });
    match (found, paused) {
        (false, _) => turn.error("Interface not found"),
        (true, true) => turn.done("Interface paused successfully"),
        (true, false) => turn.done("Interface unpaused successfully"),
    }
}

pub(super) fn queue_penalty(turn: &mut Turn<'_>) -> Outcome {
    let interface = turn.text("Interface");
    let Ok(penalty) = turn.text("Penalty").parse::<u32>() else {
        return turn.error("Need 'Interface' and 'Penalty' parameters.");
    };
    if change_members(turn, &interface, "QueueMemberPenalty", |member| {
        member.penalty = penalty;
    }) {
        turn.done("Interface penalty set successfully")
    } else {
        turn.error("Invalid interface, queuename or penalty")
    }
}

/// Changes the member in the asked queue, or in every queue, with one event each; false when there is none.
fn change_members(
    turn: &mut Turn<'_>,
    interface: &str,
    event: &str,
    change: impl Fn(&mut Member),
) -> bool {
    let asked = turn.value("Queue").to_vec();
    let mut changed = Vec::new();
    for queue in &mut turn.world.queues {
        if !asked.is_empty() && !queue.name.as_bytes().eq_ignore_ascii_case(&asked) {
            continue;
        }
        if let Some(member) = queue.member_mut(interface.as_bytes()) {
            change(member);
            changed.push(queue.name.clone());
        }
    }
    for queue in &changed {
        turn.world.queue_member_event(event, queue, interface);
    }
    !changed.is_empty()
}

pub(super) fn queue_log(turn: &mut Turn<'_>) -> Outcome {
    if turn.value("Queue").is_empty() || turn.value("Event").is_empty() {
        return turn.error("Need 'Queue' and 'Event' parameters");
    }
    turn.done("Event added successfully")
}

/// Answers with an extra blank line, as Asterisk does.
pub(super) fn queue_rule(turn: &mut Turn<'_>) -> Outcome {
    let empty = bytes::Bytes::from_static(b"\r\n");
    Outcome::Reply(vec![turn.success().end(), empty])
}

pub(super) fn queue_reset(turn: &mut Turn<'_>) -> Outcome {
    let asked = turn.value("Queue").to_vec();
    for queue in &mut turn.world.queues {
        if asked.is_empty() || queue.name.as_bytes().eq_ignore_ascii_case(&asked) {
            queue.completed = 0;
            queue.abandoned = 0;
        }
    }
    turn.done("Queue stats reset successfully")
}
