//! Single values that may be typed in two ways: as TOML has them, and as a string, which is all the environment has.

use std::fmt;

use ami_access::Secret;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};

/// A whole number of things, 0 or more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count(pub(crate) u32);

/// Yes or no.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag(pub(crate) bool);

/// A list of words: a TOML array of strings, or one string with commas.
#[derive(Debug, Clone)]
pub(crate) struct Words(pub(crate) Vec<String>);

/// A secret as typed; never shown, not even in an error about its type.
#[derive(Debug)]
pub(crate) struct SecretText(pub(crate) Secret);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, 0 or more")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Count, E> {
        let count = u32::try_from(value);
        count
            .map(Count)
            .map_err(|_out_of_range| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Count, E> {
        let count = u32::try_from(value);
        count
            .map(Count)
            .map_err(|_out_of_range| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Count, E> {
        let count = value.trim().parse();
        count
            .map(Count)
            .map_err(|_no_number| E::invalid_value(Unexpected::Str(value), &self))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Flag, E> {
        Ok(Flag(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Flag, E> {
        let flag = value.trim().parse();
        flag.map(Flag)
            .map_err(|_no_flag| E::invalid_value(Unexpected::Str(value), &self))
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordsVisitor)
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of words")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Words, E> {
        let words = value
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty());
        Ok(Words(words.map(str::to_owned).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = list.next_element()? {
            words.push(word);
        }
        Ok(Words(words))
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // serde's own error would quote the value that has the wrong type.
        let text = String::deserialize(deserializer);
        text.map(|text| Self(Secret::new(text)))
            .map_err(|_quotes_value| D::Error::custom("expected a string"))
    }
}
