//! amiplex.toml and environment to one validated Config.
