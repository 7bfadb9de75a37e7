use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

#[derive(Clone)]
struct Sink(Arc<Sender<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn sink() -> (Sink, Receiver<Vec<u8>>) {
    let (sender, receiver) = channel();
    (Sink(Arc::new(sender)), receiver)
}

fn logged(format: LogFormat, level: &str, emit: impl FnOnce()) -> String {
    let (sink, lines) = sink();
    let subscriber = subscriber(format, level, false, move || sink.clone()).expect("a valid level");
    tracing::subscriber::with_default(subscriber, emit);
    String::from_utf8(lines.try_iter().flatten().collect()).expect("utf-8")
}

#[test]
fn text_lines_carry_level_message_and_fields() {
    let text = logged(LogFormat::Text, "info", || {
        tracing::warn!(node = "pbx1", "lane closed");
    });
    assert!(
        text.contains("WARN") && text.contains("lane closed") && text.contains("node=\"pbx1\""),
        "{text}"
    );
    assert!(
        !text.contains('\u{1b}'),
        "colours without a terminal: {text:?}"
    );
}

#[test]
fn json_lines_have_their_fields_at_the_top() {
    let text = logged(LogFormat::Json, "info", || {
        tracing::warn!(node = "pbx1", "lane closed");
    });
    assert!(text.starts_with('{') && text.ends_with("}\n"), "{text}");
    assert!(
        text.contains("\"node\":\"pbx1\"") && text.contains("\"message\":\"lane closed\""),
        "{text}"
    );
    assert!(!text.contains("\"fields\""), "{text}");
}

#[test]
fn the_level_filters() {
    let text = logged(LogFormat::Text, "warn", || {
        tracing::info!("quiet");
        tracing::error!("loud");
    });
    assert!(!text.contains("quiet") && text.contains("loud"), "{text}");
}

#[test]
fn a_fault_chooses_its_level() {
    let text = logged(LogFormat::Text, "warn", || {
        crate::log_fault!(crate::Fault::Downstream, "client did it");
        crate::log_fault!(crate::Fault::Upstream, node = "pbx1", "node did it");
    });
    assert!(!text.contains("client did it"), "{text}");
    assert!(
        text.contains("WARN")
            && text.contains("node did it")
            && text.contains("fault=\"upstream\""),
        "{text}"
    );
}

#[test]
fn a_line_break_in_a_field_does_not_make_a_second_log_line() {
    let text = logged(LogFormat::Json, "info", || {
        tracing::info!(user = "a\r\nb", "login");
    });
    assert_eq!(text.matches('\n').count(), 1, "{text}");
}

#[test]
fn a_mistyped_level_is_an_error_and_not_silence() {
    for level in [
        "inof",
        "",
        " ",
        "info,ami_server",
        "ami_server=loud",
        "info,,warn",
    ] {
        let error = check_level(level).expect_err(level);
        assert!(
            error
                .to_string()
                .contains("error, warn, info, debug, trace"),
            "{level}: {error}"
        );
    }
    for level in [
        "info",
        "WARN",
        "off",
        "info,ami_server=debug",
        "warn, ami_mux=trace",
    ] {
        check_level(level).expect(level);
    }
}
