//! The grammar, construct by construct.

use super::super::files::MemoryFiles;
use super::*;

/// `[name] key=value ...` per section, and the findings as text.
fn read(files: &MemoryFiles) -> (Vec<String>, Vec<String>, Vec<String>) {
    let mut report = Report::default();
    let document = Document::read(files, Path::new("/etc/amiplex/manager.conf"), &mut report);
    let show = |section: &Section| {
        let mut text = format!("[{}]", section.name);
        for variable in &section.variables {
            text.extend([" ", &variable.name, "=", &variable.value]);
        }
        text
    };
    let sections = document.sections().map(show).collect();
    match report.finish() {
        Ok(notices) => (sections, Vec::new(), texts(&notices)),
        Err(errors) => (sections, texts(errors.errors()), texts(errors.notices())),
    }
}

fn texts(findings: &[super::super::report::Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

fn main_file(content: &str) -> MemoryFiles {
    MemoryFiles::default().with("/etc/amiplex/manager.conf", content)
}

fn sections(content: &str) -> Vec<String> {
    let (sections, errors, _) = read(&main_file(content));
    assert_eq!(errors, Vec::<String>::new());
    sections
}

fn errors(content: &str) -> Vec<String> {
    read(&main_file(content)).1
}

#[test]
fn names_and_values_are_trimmed_and_may_be_empty() {
    assert_eq!(
        sections("[a]\n  x  =  1 = 2 \nsecret=\ny => 3\nz=\"q\"\n"),
        ["[a] x=1 = 2 secret= y=3 z=\"q\""]
    );
}

#[test]
fn section_names_are_not_trimmed() {
    assert_eq!(sections("[ a ] trailing text\nx=1\n"), ["[ a ] x=1"]);
}

#[test]
fn templates_are_inherited_and_are_no_sections() {
    let file =
        "[base](!)\nread=all\n[more](!,base)\nwrite=call\n[a](more)\nsecret=1\n[b](A,base)\n";
    assert_eq!(
        sections(file),
        [
            "[a] read=all write=call secret=1",
            "[b] read=all write=call secret=1 read=all"
        ]
    );
}

#[test]
fn inheritance_copies_what_was_there_so_far() {
    assert_eq!(
        sections("[a]\nx=1\n[b](a)\n[a](+)\nx=2\n"),
        ["[a] x=1 x=2", "[b] x=1"]
    );
}

#[test]
fn additions_find_their_section_by_name_and_filter() {
    let file = "[a]\nport=1\n[a]\nport=2\n[a](+port=^2$)\nx=9\n[A](+)\ny=8\n";
    assert_eq!(sections(file), ["[a] port=1 y=8", "[a] port=2 x=9"]);
}

#[test]
fn a_template_is_added_to_only_when_named_as_one() {
    let file = "[t](!)\nx=1\n[t](+TEMPLATES=include)\ny=2\n[a](t)\n";
    assert_eq!(sections(file), ["[a] x=1 y=2"]);
    assert_eq!(
        errors("[t](!)\n[t](+)\n"),
        ["/etc/amiplex/manager.conf:2: no section [t] to append to"]
    );
}

#[test]
fn appended_values_have_no_separator() {
    assert_eq!(
        sections("[a]\nread=call\nread+=,agent\nx += 1\nx += 2\n"),
        ["[a] read=call,agent x=1 2"]
    );
}

#[test]
fn a_backslash_takes_the_meaning_of_the_first_character() {
    assert_eq!(
        sections("[a]\n\\#x=1\n\\[y]=2\n\\=z=3\n"),
        ["[a] #x=1 [y]=2 =z=3"]
    );
    assert_eq!(errors("[a]\n\\ x=1\n").len(), 1);
}

#[test]
fn odd_lines_are_noticed_and_passed_over() {
    let (sections, errors, notices) = read(&main_file(
        "[a]\nhello\n= 3\n#frobnicate x\n#include\n[b] (!)\n",
    ));
    assert_eq!((sections.len(), errors.len()), (2, 0));
    let lines: Vec<&str> = notices
        .iter()
        .filter_map(|notice| notice.split(": ").next())
        .collect();
    let expected: Vec<String> = (2..=6)
        .map(|line| format!("/etc/amiplex/manager.conf:{line}"))
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn all_errors_are_in_one_report() {
    let file = "x=1\n[a\n[b](c\n[b](unknown)\n[c](+)\n#exec /bin/true\nsecret = a--;b\n#include \"none.conf\"\n";
    let found = errors(file);
    let lines: Vec<&str> = found
        .iter()
        .filter_map(|error| error.split(": ").next())
        .collect();
    let expected: Vec<String> = (1..=8)
        .map(|line| format!("/etc/amiplex/manager.conf:{line}"))
        .collect();
    assert_eq!(lines, expected, "{found:#?}");
    assert!(found[5].contains("#exec is refused"));
}

#[test]
fn includes_in_all_spellings_share_the_section() {
    let files = main_file(
        "[a]\n#include \"one.inc\"\n#INCLUDE <sub/two.inc>\n#include /abs/three.inc\nlast=1\n",
    )
    .with("/etc/amiplex/one.inc", "x=1\n")
    .with("/etc/amiplex/sub/two.inc", "y=2\n#include one.inc\n")
    .with("/abs/three.inc", "z=3\n");
    assert_eq!(read(&files).0, ["[a] x=1 y=2 x=1 z=3 last=1"]);
}

#[test]
fn the_including_file_goes_on_in_its_own_section() {
    let files = main_file("[a]\n#include b.inc\nx=1\n#include c.inc\n")
        .with("/etc/amiplex/b.inc", "[b]\ny=2\n")
        .with("/etc/amiplex/c.inc", "z=3\n");
    assert_eq!(read(&files).0, ["[a] x=1", "[b] y=2 z=3"]);
}

#[test]
fn patterns_are_read_in_order() {
    let files = main_file(
        "#include \"manager.d/*.conf\"\n#tryinclude \"none.d/*.conf\"\n#tryinclude none.conf\n",
    )
    .with("/etc/amiplex/manager.d/b.conf", "[b]\n")
    .with("/etc/amiplex/manager.d/a.conf", "[a]\n")
    .with("/etc/amiplex/manager.d/.hidden.conf", "[hidden]\n")
    .with("/etc/amiplex/manager.d/sub/c.conf", "[c]\n");
    let (sections, errors, _) = read(&files);
    assert_eq!(
        (sections, errors),
        (vec!["[a]".to_owned(), "[b]".to_owned()], Vec::new())
    );
}

#[test]
fn a_pattern_without_files_is_an_error_of_include() {
    assert_eq!(errors("#include none.d/*.conf\n").len(), 1);
}

#[test]
fn endless_includes_end() {
    let files = main_file("[a]\n#include manager.conf\n");
    let (sections, errors, _) = read(&files);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("nested deeper than 10"));
    assert_eq!(sections.len(), 10);
}

/// Each level has twenty times the files of the one above.
#[test]
fn includes_that_multiply_end() {
    let cyclic = main_file(&"#include manager.conf\n".repeat(20));
    let (_, errors, _) = read(&cyclic);
    assert_eq!(errors.len(), 1, "{errors:?}");
    let mut files = main_file(&"#include 1\n".repeat(20));
    for level in 1..9 {
        let next = format!("#include {}\n", level + 1).repeat(20);
        files = files.with(format!("/etc/amiplex/{level}"), next);
    }
    let (_, errors, _) = read(&files.with("/etc/amiplex/9", "[a]\n"));
    assert_eq!(errors.len(), 1, "{errors:?}");
    let many = "more than 10000 files or 64 MiB are included: no further file is read";
    assert!(errors[0].contains(many), "{errors:?}");
}

#[test]
fn sections_that_inherit_from_themselves_end() {
    let doubling = "[a](+,a)\n".repeat(64);
    let found = errors(&format!("[a]\nx=1\n{doubling}"));
    assert!(found[0].contains("a section inherits more than 10000 lines"));
    let heirs = "[b](a)\n".repeat(300);
    let lines = "x=1\n".repeat(1_000);
    let found = errors(&format!("[a]\n{lines}{heirs}"));
    assert!(found[0].contains("sections inherit more than 250000 lines"));
    assert_eq!(found.len(), 50);
}

#[test]
fn real_files_are_read_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("manager.d")).unwrap();
    std::fs::write(dir.path().join("manager.d/x.conf"), "[x]\nread=all\n").unwrap();
    let main = dir.path().join("manager.conf");
    std::fs::write(
        &main,
        "[general]\n#include \"manager.d/*.conf\"\n#include \"manager.d\"\n",
    )
    .unwrap();
    let mut report = Report::default();
    let document = Document::read(&super::super::files::DiskFiles, &main, &mut report);
    assert_eq!(
        document
            .sections()
            .map(|section| section.name.as_str())
            .collect::<Vec<_>>(),
        ["general", "x"]
    );
    let errors = report.finish().unwrap_err();
    assert!(errors.to_string().contains("manager.conf:3: "), "{errors}");
    assert!(
        errors.to_string().contains("not a regular file"),
        "{errors}"
    );
}
