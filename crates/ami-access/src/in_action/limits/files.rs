//! `files`: the configuration files that an account may name.

use ami_proto::Action;

use super::super::path;
use crate::account::Names;
use crate::authorize::AuthorizeContext;

/// Headers that name a file, by action.
fn headers(action: &str) -> &'static [&'static str] {
    match action {
        "GetConfig" | "GetConfigJSON" | "ListCategories" | "CreateConfig" => &["Filename"],
        "UpdateConfig" => &["SrcFilename", "DstFilename"],
        _ => &[],
    }
}

pub(super) fn permit(
    name: &str,
    action: &Action,
    files: &Names,
    cx: &AuthorizeContext<'_>,
) -> bool {
    headers(name).iter().all(|header| {
        let mut given = action.headers(header);
        given.all(|file| {
            // Without a name the node answers with its own error.
            file.is_empty()
                || path::inside_configuration(file, cx)
                    .is_some_and(|inside| files.contain(&inside.join(&b'/')))
        })
    })
}
