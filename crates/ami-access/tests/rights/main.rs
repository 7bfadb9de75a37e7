//! Rights of accounts, compared with an evaluator that is as plain as can be.

#[cfg(test)]
mod by_node;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod properties;
