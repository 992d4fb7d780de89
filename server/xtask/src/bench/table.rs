//! The result, as a Markdown table.

use std::time::Duration;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub enum Amount {
    /// A time.
    Time(Duration),
    /// Bytes of memory.
    Bytes(u64),
    /// A part of all; more is better.
    Share(f64),
}

impl Amount {
    fn number(self) -> f64 {
        match self {
            Amount::Time(time) => time.as_secs_f64(),
            Amount::Bytes(bytes) => bytes as f64,
            Amount::Share(share) => share,
        }
    }

    fn words(self) -> String {
        match self {
            Amount::Time(time) if time < Duration::from_millis(1) => format!("{:.2} ms", time.as_secs_f64() * 1e3),
            Amount::Time(time) if time < Duration::from_millis(100) => format!("{:.1} ms", time.as_secs_f64() * 1e3),
            Amount::Time(time) if time < Duration::from_secs(1) => format!("{:.0} ms", time.as_secs_f64() * 1e3),
            Amount::Time(time) => format!("{:.2} s", time.as_secs_f64()),
            Amount::Share(share) => format!("{:.0} %", share * 100.0),
            Amount::Bytes(bytes) => format!("{:.0} MB", bytes as f64 / 1e6),
        }
    }
}

/// What is allowed.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// So many times the floor.
    Floors(f64),
    /// So much.
    At(Amount),
    /// It is only told.
    Open,
}

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    /// What was done.
    pub work: String,
    /// What it takes by hand.
    pub floor: Option<Amount>,
    /// What Seed takes.
    pub seed: Amount,
    /// What it may take.
    pub budget: Budget,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        Some(self.seed.number() / self.floor?.number())
    }

    fn is_kept(&self) -> bool {
        match self.budget {
            Budget::Floors(times) => self.ratio().is_some_and(|ratio| ratio <= times),
            Budget::At(most) => self.seed.number() <= most.number(),
            Budget::Open => true,
        }
    }

    fn cells(&self) -> [String; 5] {
        let none = || "—".to_string();
        let budget = match self.budget {
            Budget::Floors(times) => format!("{times} × floor"),
            Budget::At(most) => most.words(),
            Budget::Open => none(),
        };
        let missed = if self.is_kept() { "" } else { " **missed**" };
        [
            self.work.clone(),
            self.floor.map_or_else(none, Amount::words),
            self.seed.words(),
            self.ratio().map_or_else(none, |ratio| if ratio < 0.1 { format!("{ratio:.3}") } else { format!("{ratio:.1}") }),
            budget + missed,
        ]
    }
}

/// Prints the table.
pub fn print(rows: &[Row]) {
    let head = ["work", "floor", "seed", "ratio", "budget"].map(String::from);
    let cells: Vec<[String; 5]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(width);
    for (number, row) in cells.iter().enumerate() {
        let padded: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("| {} |", padded.join(" | "));
        if number == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            println!("| {} |", rule.join(" | "));
        }
    }
}
