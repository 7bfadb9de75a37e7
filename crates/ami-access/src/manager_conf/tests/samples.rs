//! Files as they are in use: an installed sample, a graphical front end's, those of this repository.

use std::path::PathBuf;

use super::*;

/// In the manner of a distribution's sample: nearly all comments, not enabled, an include directory.
const DISTRIBUTION: &str = "\
;
; AMI - The Asterisk Manager Interface
;
; ---------------------------- SECURITY NOTE -------------------------------
;
[general]
enabled = no
;webenabled = yes

port = 5038
bindaddr = 0.0.0.0

;tlsenable=no\t\t; set to YES to enable it
                                ; a comment that begins in the middle
;[mark]
;secret = mysecret
;deny=0.0.0.0/0.0.0.0
;eventfilter(action(include),name(Newchannel),header(Channel),method(regex)) = (SIP|IAX2)/
;read = system,call

#include \"manager.d/*.conf\"
";

/// In the manner of a graphical front end: includes split over files, a lot of classes.
const FRONT_END: &str = "\
[general]
enabled = yes
port = 5038
bindaddr = 127.0.0.1
displayconnects=no ;only effects 1.6+

[admin]
secret = amp111
deny=0.0.0.0/0.0.0.0
permit=127.0.0.1/255.255.255.0
read = system,call,log,verbose,command,agent,user,config,dtmf,reporting,cdr,dialplan,originate,message
write = system,call,log,verbose,command,agent,user,config,dtmf,reporting,cdr,dialplan,originate,message
writetimeout = 5000

#include manager_additional.conf
#include manager_custom.conf
";

fn errors_or_notices(files: &MemoryFiles) -> Result<Loaded, String> {
    load_from(files, Path::new("/etc/amiplex/manager.conf"), None)
        .map_err(|errors| errors.to_string())
}

#[test]
fn a_distributions_sample_loads() {
    let files = MemoryFiles::default()
        .with("/etc/amiplex/manager.conf", DISTRIBUTION)
        .with("/etc/amiplex/manager.d/README.conf", "; nothing\n");
    let loaded = errors_or_notices(&files).unwrap();
    assert!(loaded.accounts.is_empty());
    assert_eq!(loaded.notices.len(), 3, "{:?}", loaded.notices);
}

#[test]
fn a_front_ends_file_loads() {
    let files = MemoryFiles::default()
        .with("/etc/amiplex/manager.conf", FRONT_END)
        .with("/etc/amiplex/manager_additional.conf", "; do not edit\n")
        .with(
            "/etc/amiplex/manager_custom.conf",
            "[cxpanel]\nsecret = cxmanager*con\nread=all\nwrite=all\n",
        );
    let loaded = errors_or_notices(&files).unwrap();
    assert_eq!(loaded.accounts.len(), 2);
    let admin = loaded.accounts.find(b"admin").unwrap();
    assert!(admin.write.contains(Class::Originate) && !admin.write.contains(Class::Agi));
    let additional = loaded.accounts.find(b"cxpanel").unwrap();
    assert_eq!(
        additional.file,
        PathBuf::from("/etc/amiplex/manager_custom.conf")
    );
}

/// A file of this repository, placeholders filled in.
fn repository_file(path: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut filled = String::new();
    for (at, part) in text.split('@').enumerate() {
        let is_placeholder = at % 2 == 1
            && part
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        filled.push_str(if is_placeholder { "5038" } else { part });
    }
    filled.into_bytes()
}

#[test]
fn the_nodes_of_the_test_bench_load() {
    let files = MemoryFiles::default().with(
        "/etc/amiplex/manager.conf",
        repository_file("tests/asterisk/conf/manager.conf"),
    );
    let loaded = errors_or_notices(&files).unwrap();
    let admin = loaded.accounts.find(b"admin").unwrap();
    assert_eq!((admin.read, admin.write), (ClassSet::ALL, ClassSet::ALL));
}

#[test]
fn the_delivered_configuration_loads_without_a_notice() {
    let files = MemoryFiles::default()
        .with(
            "/etc/amiplex/manager.conf",
            repository_file("conf/manager.conf"),
        )
        .with("/etc/amiplex/acl.conf", repository_file("conf/acl.conf"));
    let acl = Some(Path::new("/etc/amiplex/acl.conf"));
    let loaded = load_from(&files, Path::new("/etc/amiplex/manager.conf"), acl).unwrap();
    assert_eq!(loaded.notices, []);
    assert!(!loaded.accounts.is_empty());
    let everywhere: IpAddr = "203.0.113.9".parse().unwrap();
    let v6: IpAddr = "2001:db8::9".parse().unwrap();
    for account in loaded.accounts.iter() {
        assert!(
            !account.acl.allows(everywhere) && !account.acl.allows(v6),
            "{}",
            account.name
        );
    }
}

#[test]
fn the_account_that_a_node_needs_is_as_amiplex_needs_it() {
    let files = MemoryFiles::default().with(
        "/etc/amiplex/manager.conf",
        repository_file("conf/asterisk-manager.conf"),
    );
    let loaded = errors_or_notices(&files).unwrap();
    let account = loaded.accounts.find(b"amiplex").unwrap();
    assert_eq!(
        (account.read, account.write),
        (ClassSet::ALL, ClassSet::ALL)
    );
    assert!(account.allow_multiple_login && account.event_filters.is_empty());
    assert!(!account.acl.allows("203.0.113.9".parse().unwrap()));
    assert!(!account.acl.allows("2001:db8::9".parse().unwrap()));
    assert!(account.acl.allows("192.0.2.10".parse().unwrap()));
}
