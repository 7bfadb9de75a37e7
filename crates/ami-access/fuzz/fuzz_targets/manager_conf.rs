//! Any files: accounts or a report, never a panic, and never an account that is open where its file is not.

#![no_main]

use std::path::Path;

use ami_access::load_from;
use ami_access::manager_conf::MemoryFiles;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8], &[u8])| {
    let (manager, acl, included) = input;
    let files = MemoryFiles::default()
        .with("/c/manager.conf", manager)
        .with("/c/acl.conf", acl)
        .with("/c/i", included);
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
