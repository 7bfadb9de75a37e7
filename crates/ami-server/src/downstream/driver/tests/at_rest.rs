//! A session at rest, to whose client others write.

use ami_mux::EventBatch;

use super::*;

/// Turns of the runtime in which everything that is ready has been done.
const TURNS: usize = 200;

/// A session that has logged in and is at rest.
async fn resting() -> Bench {
    let mut bench = bench().await;
    bench.says(LOGIN).await;
    bench.hears("accepted\r\n\r\n").await;
    bench.settles().await;
    bench
}

impl Bench {
    /// Its task has nothing left to do.
    async fn settles(&self) {
        for _ in 0..TURNS {
            yield_now().await;
        }
    }

    /// What is in the client's socket at this moment; no task runs meanwhile.
    fn hears_at_once(&self) -> String {
        let mut piece = [0; 4096];
        let count = self.client.try_read(&mut piece).unwrap_or_default();
        String::from_utf8_lossy(&piece[..count]).into_owned()
    }
}

fn numbered(number: u32) -> Mail {
    event_named(&format!("E{number}."))
}

fn batch(numbers: std::ops::Range<u32>) -> Vec<Mail> {
    let mut mail: Vec<Mail> = numbers.map(numbered).collect();
    EventBatch::gather(&mut mail);
    mail
}

/// The numbers of the events in it.
fn numbers(heard: &str) -> Vec<u32> {
    let parts = heard.split("Event: E").skip(1);
    let number = |part: &str| {
        part.split('.')
            .next()
            .and_then(|number| number.parse().ok())
    };
    parts.map(|part| number(part).expect("a number")).collect()
}

#[tokio::test]
async fn events_are_in_its_socket_before_its_task_runs() {
    let mut bench = resting().await;
    bench.client.readable().await.ok();
    bench.hears_at_once();
    bench.publish(&[numbered(1)]);
    bench.publish(&batch(2..5));
    // Readiness is the runtime's to tell: let it, and nothing else, run.
    bench.client.readable().await.expect("open");
    assert_eq!(numbers(&bench.hears_at_once()), [1, 2, 3, 4]);
    let inboxes = bench.world.registry.len();
    assert_eq!(inboxes, 1, "it goes on");
}

#[tokio::test]
async fn what_its_client_says_is_answered_in_its_place_among_the_events() {
    let mut bench = resting().await;
    let mut heard = String::new();
    for round in 0..20 {
        bench.publish(&[numbered(2 * round)]);
        bench.says("Action: Ping\r\n\r\n").await;
        heard += &bench.hears("Timestamp").await;
        bench.publish(&batch(2 * round + 1..2 * round + 2));
        bench.settles().await;
    }
    bench.publish(&[event_named("Last")]);
    heard += &bench.hears("Event: Last").await;
    assert_eq!(numbers(&heard), (0..40).collect::<Vec<_>>());
    let places: Vec<_> = heard.match_indices("Ping: Pong").collect();
    assert_eq!(places.len(), 20);
}

#[tokio::test]
async fn an_answer_comes_behind_the_events_that_its_node_told_before_and_before_those_told_later() {
    let mut bench = resting().await;
    bench
        .says("Action: Getvar\r\nActionID: 7\r\nVariable: X\r\n\r\n")
        .await;
    let commands = bench.commands.as_mut().expect("the node");
    let Some(NodeCommand::Submit(submission)) = commands.recv().await else {
        panic!("another command");
    };
    bench.publish(&[numbered(1)]);
    let answer = submission.not_sent(NodeId(0), "pbx1");
    submission.reply_to.post(&[answer]);
    bench.publish(&batch(2..4));
    let heard = bench.hears("Event: E3").await;
    let at = |text: &str| heard.find(text).expect("there");
    assert!(at("Event: E1.") < at("ActionID: 7"), "{heard}");
    assert!(at("ActionID: 7") < at("Event: E2."), "{heard}");
}

#[tokio::test]
async fn a_mask_holds_from_its_answer_on() {
    let mut bench = resting().await;
    for round in 0..5 {
        bench.says("Action: Events\r\nEventMask: off\r\n\r\n").await;
        bench.hears("Events: Off\r\n\r\n").await;
        bench.publish(&[numbered(round)]);
        bench.publish(&batch(100..103));
        bench.says("Action: Events\r\nEventMask: on\r\n\r\n").await;
        let heard = bench.hears("Events: On\r\n\r\n").await;
        assert!(numbers(&heard).is_empty(), "{heard}");
        bench.settles().await;
        bench.publish(&[numbered(round)]);
        assert_eq!(numbers(&bench.hears("\r\n\r\n").await), [round]);
    }
}

/// What does not fit into the socket is written by the session itself, when its client reads again.
#[tokio::test]
async fn nothing_is_lost_or_doubled_when_its_client_reads_late() {
    let mut bench = resting().await;
    let filler = "x".repeat(300);
    let count = 400;
    for number in 0..count / 2 {
        let pair = [2 * number, 2 * number + 1];
        let mut mail: Vec<Mail> = pair.map(|n| event_named(&format!("E{n}.{filler}"))).into();
        EventBatch::gather(&mut mail);
        bench.publish(&mail);
        if number % 3 == 0 {
            yield_now().await;
        }
    }
    bench.publish(&[event_named("Last")]);
    let heard = bench.hears("Event: Last").await;
    assert_eq!(numbers(&heard), (0..count).collect::<Vec<_>>());
    bench.settles().await;
    bench.publish(&[numbered(7)]);
    assert_eq!(
        numbers(&bench.hears("\r\n\r\n").await.replace("Last", "")),
        [7]
    );
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_all_the_same() {
    let mut bench = resting().await;
    let flood = async {
        while bench.world.registry.len() > 0 {
            bench.publish(&[event()]);
            yield_now().await;
        }
    };
    let closed = timeout(PATIENCE, flood).await;
    closed.expect("closed by its budget, long before the age of its events");
}

#[tokio::test]
async fn what_did_not_leave_counts_before_its_task_runs() {
    let mut bench = resting().await;
    let mut mail: Vec<Mail> = (0..1000).map(|_| event()).collect();
    let posted: usize = mail.iter().filter_map(Mail::event_bytes).sum();
    EventBatch::gather(&mut mail);
    bench.publish(&mail);
    let mut waiting = 0;
    bench
        .hub()
        .for_each(|inbox| waiting += inbox.waiting_bytes());
    let taken = posted - waiting;
    assert!(taken < posted / 2, "{waiting} of {posted} wait");
}

#[tokio::test]
async fn its_end_wakes_it_and_nothing_is_written_afterwards() {
    let mut bench = resting().await;
    bench.world.registry.kick(SessionId(1));
    bench.publish(&[numbered(1)]);
    (&mut bench.task).await.expect("ends");
    let mut rest = Vec::new();
    bench.client.read_to_end(&mut rest).await.expect("closed");
    assert!(numbers(&String::from_utf8_lossy(&rest)).is_empty());
}

#[tokio::test]
async fn a_client_that_has_gone_is_noticed_by_its_own_task() {
    let mut bench = resting().await;
    SockRef::from(&bench.client)
        .set_linger(Some(Duration::ZERO))
        .expect("reset at once");
    let gone = std::mem::replace(&mut bench.client, unconnected().await);
    drop(gone);
    for number in 0..50 {
        bench.publish(&[numbered(number)]);
    }
    timeout(PATIENCE, bench.task)
        .await
        .expect("ends in time")
        .expect("ends");
}

/// A stream to nobody in particular.
async fn unconnected() -> TcpStream {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0");
    let listener = listener.await.expect("bound");
    let address = listener.local_addr().expect("an address");
    TcpStream::connect(address).await.expect("connected")
}
