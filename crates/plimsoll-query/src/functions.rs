//! The scalar functions: a catalogue, one table a file.

mod dynamics;
mod numbers;
mod strings;
mod times;

pub(crate) use dynamics::steps;
pub(crate) use strings::term_test;

use crate::error::Result;
use crate::evaluate::Context;
use crate::value::{Type, Value};

/// A scalar function.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// A letter for each argument: `s` text, `n` number, `l` whole number, `r` real number, `t` instant, `p` length of time,
    /// `b` truth, `j` dynamic, `*` anything. Arguments are converted before the call, and one of `nlrtpb` that is nothing
    /// makes the result nothing. `+` repeats the letter before it.
    pub(crate) arguments: &'static str,
    /// How many there must be at least.
    pub(crate) required: usize,
    pub(crate) gives: Gives,
    pub(crate) call: fn(&Context<'_>, &[Value]) -> Result<Value>,
}

/// What a function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    Is(Type),
    /// What its argument of this number is; numbers for dynamic ones.
    Like(usize),
    /// What all its arguments are, or dynamic where they differ.
    Common,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Function {
    /// The letter of an argument; `None` where there is one too many.
    pub(crate) fn letter(&self, argument: usize) -> Option<char> {
        let letters = self.arguments.as_bytes();
        match letters.get(argument) {
            Some(letter) if *letter != b'+' => Some(*letter as char),
            _ if letters.last() == Some(&b'+') => letters.get(letters.len() - 2).map(|letter| *letter as char),
            _ => None,
        }
    }

    /// Calls it with arguments as they come.
    pub(crate) fn apply(&self, context: &Context<'_>, mut arguments: Vec<Value>) -> Result<Value> {
        context.meter.step(1)?;
        for (place, argument) in arguments.iter_mut().enumerate() {
            let converted = match self.letter(place).unwrap_or('*') {
                's' => match &*argument {
                    Value::Text(_) => continue,
                    other => Value::Text(other.to_text()),
                },
                'n' => argument.to_number().unwrap_or_default(),
                'l' => argument.cast(Type::Long),
                'r' => argument.cast(Type::Real),
                't' => argument.cast(Type::DateTime),
                'p' => argument.cast(Type::Timespan),
                'b' => argument.cast(Type::Bool),
                _ => continue,
            };
            if converted.is_null() {
                return Ok(Value::Null);
            }
            *argument = converted;
        }
        (self.call)(context, &arguments)
    }
}

/// The function of this name.
pub(crate) fn named(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Function> {
    [strings::FUNCTIONS, dynamics::FUNCTIONS, numbers::FUNCTIONS, times::FUNCTIONS].into_iter().flatten()
}

/// An entry of a catalogue.
const fn function(
    name: &'static str,
    arguments: &'static str,
    required: usize,
    gives: Gives,
    call: fn(&Context<'_>, &[Value]) -> Result<Value>,
) -> Function {
    Function { name, arguments, required, gives, call }
}

/// An argument that may be left out.
fn long_at(arguments: &[Value], place: usize, default: i64) -> i64 {
    match arguments.get(place) {
        Some(Value::Long(number)) => *number,
        _ => default,
    }
}

fn text_at(arguments: &[Value], place: usize) -> &str {
    arguments.get(place).and_then(Value::as_text).unwrap_or_default()
}
