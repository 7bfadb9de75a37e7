//! Any files: accounts or a report, never a panic, and never an account that is open where its file is not.
//!
//! The input: manager.conf, acl.conf and a file `i` that they may include, with bytes 0xff between.

#![no_main]

use std::path::Path;

use ami_access::load_from;
use ami_access::manager_conf::MemoryFiles;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(3, |byte| *byte == 0xff);
    let mut part = || parts.next().unwrap_or_default();
    let files = MemoryFiles::default()
        .with("/c/manager.conf", part())
        .with("/c/acl.conf", part())
        .with("/c/i", part());
    let acl = Some(Path::new("/c/acl.conf"));
    match load_from(&files, Path::new("/c/manager.conf"), acl) {
        Ok(loaded) => {
            for account in loaded.accounts.iter() {
                assert!(account.line > 0);
            }
        }
        Err(errors) => assert!(!errors.errors().is_empty()),
    }
});
