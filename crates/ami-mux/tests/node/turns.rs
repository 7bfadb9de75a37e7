//! Who comes to his turn when.

use ami_mux::LaneRole;

use crate::rig::{Rig, settings};

/// A lane that is kept for a slow action is free when that action cannot be written.
#[test]
fn a_lane_kept_for_what_cannot_be_written_is_free_for_the_others() {
    let mut settings = settings();
    settings.lanes_max = 1;
    let mut rig = Rig::up(settings);
    let lane = rig.lanes(LaneRole::Action)[0];
    rig.submit(1, "Action: Getvar|Variable: x");
    rig.submit(2, "Action: Command|Command: bad\rline");
    rig.submit(3, "Action: Getvar|Variable: y");
    assert_eq!(rig.unanswered(lane), ["x"]);
    rig.answer(lane);
    assert_eq!(rig.unanswered(lane), ["y"]);
}
