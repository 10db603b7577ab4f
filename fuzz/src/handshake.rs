//! The handshake of libraries: tables and replies of every size and version, and registrations that
//! fail at every point. This process runs its own runtime, so that no other table may be adopted.

use object_core::abi::RawAny;
use object_core::table::{ABI_MAJOR, ABI_MINOR, LibraryReply, RuntimeTable, library_status};
use object_core::{
    AdoptError, Any, Error, Function, RuntimeState, adopt, check_table, runtime, runtime_state,
};
use rust_binding::Exports;
use rust_binding::support::{Registration, init};

use crate::objects::Noisy;
use crate::program::{Op, Play, Reader};
use crate::quiet::{self, quietly};

/// The table that is handed over.
#[derive(Clone, Copy, Debug)]
pub enum Table {
    /// None.
    Null,
    /// The one in force.
    Own,
    /// A copy of it, with another head: major, minor, size.
    Copy(u16, u16, u32),
}

/// What a library does while it registers.
#[derive(Clone, Debug)]
pub enum Step {
    /// Exports a function under one of eight names.
    Export(u8),
    /// Exports a type.
    Type,
    /// Needs a function of one of eight names.
    Require(u8),
    /// Gives up.
    Fail,
    /// Panics.
    Panic,
}

/// An operation.
#[derive(Debug)]
pub enum HandshakeOp {
    /// Is the table one that fits?
    Check(Table),
    /// A handshake: the table, the size that the reply says, which of four libraries, what it does.
    Init(Table, u32, u8, Vec<Step>),
    /// An application registers.
    Register(Vec<Step>),
    /// A name goes.
    Remove(u8),
}

fn table(from: &mut Reader<'_>) -> Table {
    let near = |from: &mut Reader<'_>, right: u64| match from.byte() {
        0..=99 => right,
        offset @ 100..=199 => right.wrapping_add(u64::from(offset)).wrapping_sub(150),
        _ => from.edge(),
    };
    match from.byte() % 8 {
        0 => Table::Null,
        1..=3 => Table::Own,
        _ => {
            let major = near(from, ABI_MAJOR.into()) as u16;
            let minor = near(from, ABI_MINOR.into()) as u16;
            Table::Copy(
                major,
                minor,
                near(from, size_of::<RuntimeTable>() as u64) as u32,
            )
        }
    }
}

fn steps(from: &mut Reader<'_>) -> Vec<Step> {
    let count = from.below(6);
    let step = |_| match from.byte() % 16 {
        0..=8 => Step::Export(from.byte() % 8),
        9 | 10 => Step::Type,
        11..=13 => Step::Require(from.byte() % 8),
        14 => Step::Fail,
        _ => Step::Panic,
    };
    (0..count).map(step).collect()
}

impl Op for HandshakeOp {
    fn decode(from: &mut Reader<'_>) -> Self {
        match from.byte() % 8 {
            0 | 1 => Self::Check(table(from)),
            2..=4 => {
                let size = match from.byte() {
                    0..=99 => size_of::<LibraryReply>() as u32,
                    small @ 100..=199 => u32::from(small) - 100,
                    _ => from.edge() as u32,
                };
                Self::Init(table(from), size, from.byte() % 4, steps(from))
            }
            5 | 6 => Self::Register(steps(from)),
            _ => Self::Remove(from.byte() % 8),
        }
    }
}

/// Libraries, whether each has registered, and who has which name.
pub struct World {
    libraries: [(Registration, bool); 4],
    names: [Option<u32>; 8],
    next: u32,
}

const NAMES: [&str; 8] = [
    "fuzz.names.0",
    "fuzz.names.1",
    "fuzz.names.2",
    "fuzz.names.3",
    "fuzz.names.4",
    "fuzz.names.5",
    "fuzz.names.6",
    "fuzz.names.7",
];

/// Bytes of a table that says it has `size`; only those, so that a checker sees each byte too many.
struct Foreign {
    words: Vec<u64>,
}

impl Foreign {
    fn new(major: u16, minor: u16, size: u32) -> Self {
        // A contract of the handshake: 8 bytes, and as many as it says. More than ours we never read.
        let bytes = (size as usize).clamp(8, size_of::<RuntimeTable>());
        let mut words = vec![0u64; bytes.div_ceil(8)];
        let own = std::ptr::from_ref(runtime()).cast::<u64>();
        // SAFETY: the runtime's own table is as long, in whole words, and copied by value.
        unsafe { words.as_mut_ptr().copy_from_nonoverlapping(own, bytes / 8) };
        let head = words.as_mut_ptr();
        // SAFETY: the first word holds the head of every version's table.
        unsafe {
            head.cast::<u16>().write(major);
            head.cast::<u16>().add(1).write(minor);
            head.cast::<u32>().add(1).write(size);
        }
        Self { words }
    }

    fn as_table(&self) -> *const RuntimeTable {
        self.words.as_ptr().cast()
    }
}

/// What a check of such a table should say.
fn verdict(major: u16, minor: u16, size: u32) -> Result<(), AdoptError> {
    if major != ABI_MAJOR || !(ABI_MINOR..=u16::MAX).contains(&minor) {
        Err(AdoptError::Version(major, minor))
    } else if (size as usize) < size_of::<RuntimeTable>() {
        Err(AdoptError::Size(size))
    } else {
        Ok(())
    }
}

impl Play for World {
    type Op = HandshakeOp;

    fn begin() -> Self {
        let _ = runtime();
        assert_eq!(runtime_state(), RuntimeState::Own);
        Self {
            libraries: Default::default(),
            names: [None; 8],
            next: 0,
        }
    }

    fn apply(&mut self, op: &HandshakeOp) {
        match op {
            HandshakeOp::Check(table) => check(*table),
            HandshakeOp::Init(table, size, library, steps) => {
                self.init(*table, *size, usize::from(*library), steps);
            }
            HandshakeOp::Register(steps) => {
                let wanted = self.judge(steps);
                let tag = self.next;
                let outcome =
                    quietly(|| rust_binding::register(|exports| collect(exports, steps, tag)));
                self.settle(outcome.expect("a panic came out"), wanted);
            }
            HandshakeOp::Remove(name) => {
                let there = self.names[usize::from(*name)].take().is_some();
                assert_eq!(Function::remove_global(NAMES[usize::from(*name)]), there);
            }
        }
        for (name, tag) in NAMES.iter().zip(self.names) {
            let there = Function::get_global(name)
                .map(|function| function.call_packed(&[]).unwrap().get::<u32>().unwrap());
            assert_eq!(there, tag, "{name}");
        }
    }

    fn end(self) {
        for name in NAMES {
            Function::remove_global(name);
        }
    }
}

fn check(table: Table) {
    match table {
        Table::Null => {}
        // SAFETY: the table in force.
        Table::Own => unsafe {
            assert_eq!(check_table(runtime()), Ok(()));
            assert_eq!(adopt(runtime()), Ok(()));
        },
        Table::Copy(major, minor, size) => {
            let foreign = Foreign::new(major, minor, size);
            let wanted = verdict(major, minor, size);
            // SAFETY: as many bytes as it says, or as anybody reads; it is not adopted, because this
            // process runs its own.
            unsafe {
                assert_eq!(check_table(foreign.as_table()), wanted);
                let outcome = adopt(foreign.as_table());
                assert_eq!(outcome, Err(wanted.err().unwrap_or(AdoptError::Settled)));
                assert!(!outcome.unwrap_err().to_string().is_empty());
            }
        }
    }
    assert_eq!(runtime_state(), RuntimeState::Own);
}

fn collect(exports: &mut Exports, steps: &[Step], tag: u32) -> Result<(), Error> {
    for step in steps {
        match step {
            Step::Export(name) => drop(exports.function(NAMES[usize::from(*name)], move || tag)),
            Step::Type => drop(exports.object_type::<Noisy>()),
            Step::Require(name) => drop(exports.require(NAMES[usize::from(*name)])?),
            Step::Fail => return Err(Error::new("LookupError", "the library gave up")),
            Step::Panic => quiet::panic(),
        }
    }
    Ok(())
}

impl World {
    /// The kind of error that those steps should end with, or the names they take.
    fn judge(&self, steps: &[Step]) -> Result<Vec<usize>, &'static str> {
        let mut names = Vec::new();
        for step in steps {
            match step {
                Step::Export(name) => names.push(usize::from(*name)),
                Step::Type => {}
                Step::Require(name) if self.names[usize::from(*name)].is_some() => {}
                Step::Require(_) => return Err("ImportError"),
                Step::Fail => return Err("LookupError"),
                Step::Panic => return Err("PanicError"),
            }
        }
        let taken = |&(at, name): &(usize, &usize)| {
            names[..at].contains(name) || self.names[*name].is_some()
        };
        if names.iter().enumerate().any(|name| taken(&name)) {
            Err("ValueError")
        } else {
            Ok(names)
        }
    }

    fn settle(&mut self, outcome: Result<(), Error>, wanted: Result<Vec<usize>, &'static str>) {
        match (outcome, wanted) {
            (Ok(()), Ok(names)) => {
                for name in names {
                    self.names[name] = Some(self.next);
                }
                self.next += 1;
            }
            (Err(error), Err(kind)) => assert_eq!(error.kind(), kind, "{error}"),
            (outcome, wanted) => panic!("{outcome:?}, wanted {wanted:?}"),
        }
    }

    fn init(&mut self, table: Table, size: u32, library: usize, steps: &[Step]) {
        let foreign = match table {
            Table::Copy(major, minor, size) => Some(Foreign::new(major, minor, size)),
            _ => None,
        };
        let address = match (&foreign, table) {
            (Some(foreign), _) => foreign.as_table(),
            (None, Table::Own) => std::ptr::from_ref(runtime()),
            _ => std::ptr::null(),
        };
        // As long as it says and anybody reads, behind it nothing.
        const WORDS: usize = size_of::<LibraryReply>() / 8;
        let len = (size as usize).div_ceil(8).clamp(1, WORDS);
        let mut reply = vec![u64::MAX; len];
        let head = reply.as_mut_ptr().cast::<LibraryReply>();
        // SAFETY: the first word is there.
        unsafe { (&raw mut (*head).size).write(size) };
        let tag = self.next;
        let wanted = self.judge(steps);
        let (registration, done) = &self.libraries[library];
        // SAFETY: a table of the size it says; a reply of the size it says.
        let status = quietly(|| unsafe {
            init(address, head, registration, |exports| {
                collect(exports, steps, tag)
            })
        });
        let status = status.expect("a panic came out");
        // SAFETY: both are in the first word, and were written by the library or by us.
        let answered = unsafe { (*head).major == ABI_MAJOR && (*head).minor == ABI_MINOR };
        assert_eq!(answered, !address.is_null() && size >= 8);
        let fits = answered
            && size as usize >= size_of::<LibraryReply>()
            && match table {
                Table::Null => false,
                Table::Own => true,
                Table::Copy(major, minor, size) => verdict(major, minor, size).is_ok(),
            };
        match status {
            library_status::REFUSED => assert!(!fits),
            library_status::OWN_RUNTIME => assert!(fits && foreign.is_some()),
            library_status::OK if *done => assert!(fits && foreign.is_none()),
            library_status::OK => {
                assert!(fits && foreign.is_none());
                self.libraries[library].1 = true;
                self.settle(Ok(()), wanted);
            }
            library_status::FAILED => {
                assert!(fits && foreign.is_none() && !done);
                // SAFETY: a reply of full size, whose error the library wrote, owned.
                let error: RawAny = unsafe { (*head).error };
                // SAFETY: as above; taken once.
                self.settle(Err(unsafe { Any::from_raw(error) }.into_error()), wanted);
            }
            other => panic!("the handshake answered {other}"),
        }
        if status != library_status::FAILED {
            assert!(
                reply.iter().skip(1).all(|&word| word == u64::MAX),
                "a reply that was not due"
            );
        }
    }
}
