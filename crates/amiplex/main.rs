//! The `amiplex` program.

fn main() {}
