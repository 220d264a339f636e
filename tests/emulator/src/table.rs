//! The service over a table: a CSV with a header row goes in, one with a row of features for each row comes out.
//! Row by row, so that a table may be larger than memory.

use std::io::{Read, Write};

use csv::{ReaderBuilder, StringRecord, Writer, WriterBuilder};

use crate::hashing;

/// Each piece that is asked of the storage's thread, which is dearer to ask than to copy.
const PIECE: usize = 256 * 1024;

/// Why a table could not be made.
pub(crate) enum Problem {
    /// The table itself, in words for the caller.
    Table(String),
    Read(csv::Error),
    Write(csv::Error),
}

/// Hashes the input column; the other columns are ignored.
pub(crate) fn hash(input: impl Read, output: impl Write) -> Result<(), Problem> {
    let mut reader = ReaderBuilder::new().buffer_capacity(PIECE).from_reader(input);
    let headers = reader.headers().map_err(unreadable)?;
    let column = headers.iter().position(|name| name == hashing::COLUMN);
    let column = column.ok_or_else(|| Problem::Table(without_column(headers)))?;
    let mut writer = WriterBuilder::new().buffer_capacity(PIECE).from_writer(output);
    writer.write_record(hashing::column_names()).map_err(Problem::Write)?;
    let mut row = StringRecord::new();
    while reader.read_record(&mut row).map_err(unreadable)? {
        write(&mut writer, row.get(column).unwrap_or_default())?;
    }
    writer.flush().map_err(|error| Problem::Write(error.into()))
}

fn write(writer: &mut Writer<impl Write>, text: &str) -> Result<(), Problem> {
    writer.write_record(hashing::features(text)).map_err(Problem::Write)
}

fn unreadable(error: csv::Error) -> Problem {
    if error.is_io_error() {
        return Problem::Read(error);
    }
    Problem::Table(format!("The input is not a CSV table: {error}."))
}

/// The names that there are, cut short: what is no table at all may have a very long first line.
fn without_column(headers: &StringRecord) -> String {
    let missing = format!("The input has no column {}.", hashing::COLUMN);
    if headers.is_empty() {
        return format!("{missing} It is empty.");
    }
    let names: Vec<_> = headers.iter().map(|name| format!("{name:?}")).collect();
    let names: String = names.join(", ").chars().take(200).collect();
    format!("{missing} Its columns are {names}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(table: &str) -> Result<String, String> {
        let mut output = Vec::new();
        match hash(table.as_bytes(), &mut output) {
            Ok(()) => Ok(String::from_utf8(output).unwrap()),
            Err(Problem::Table(why)) => Err(why),
            Err(Problem::Read(error) | Problem::Write(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn each_row_becomes_a_row_of_features() {
        for table in [
            "Col1,Col2\n1,This is a good day\n2,\"This is\na good day\"\n",
            "Col2\r\nThis is a good day\r\nThis is a good day",
            "\u{feff}Col2,Col1\nThis is a good day,\n\"This is a good day\",x\n",
        ] {
            let output = hashed(table).unwrap();
            let lines: Vec<_> = output.lines().collect();
            assert_eq!(lines.len(), 3, "{table}");
            assert!(lines[0].starts_with("Col2_HashingFeature.0,Col2_HashingFeature.1,"));
            assert_eq!((lines[1], lines[2]), ("1,1,2,2,0,2,0,1", lines[1]), "{table}");
        }
    }

    #[test]
    fn a_table_that_cannot_be_hashed_says_why() {
        let long = format!("{}\n", "x".repeat(1000));
        for (table, why) in [
            ("Col1\nx\n", "The input has no column Col2. Its columns are \"Col1\"."),
            ("col2,Col1\nx\n", "The input has no column Col2. Its columns are \"col2\", \"Col1\"."),
            ("", "The input has no column Col2. It is empty."),
            (&long, "The input has no column Col2. Its columns are \"xxx"),
            ("Col1,Col2\nx\n", "The input is not a CSV table: CSV error: record 1 (line: 2"),
        ] {
            let problem = hashed(table).unwrap_err();
            assert!(problem.starts_with(why) && problem.len() < 300, "{problem}");
        }
    }

    #[test]
    fn a_table_in_another_encoding_says_so() {
        let result = hash(&b"Col2\ncaf\xe9\n"[..], Vec::new());
        let Err(Problem::Table(why)) = result else { panic!("no problem") };
        assert!(why.contains("line 2") && why.contains("invalid UTF-8"), "{why}");
    }
}
