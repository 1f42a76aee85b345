//! Times the crate `similar` (Myers' diff) on the pairs that `tests/bench/aligner.py` writes.
//!
//! Usage: aligner-similar PAIRS REPEATS. A line of PAIRS is a group's name and the two sequences in hexadecimal, separated
//! by tabs. Prints a line for each group: its name, a tab, and the least of the REPEATS times in seconds for all its pairs.

use similar::{capture_diff_slices, Algorithm};
use std::hint::black_box;
use std::time::Instant;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let text = std::fs::read_to_string(&arguments[1]).expect("the file of pairs");
    let repeats: usize = arguments[2].parse().expect("the number of repeats");
    let mut groups: Vec<(String, Vec<(Vec<u8>, Vec<u8>)>)> = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let pair = (bytes(fields[1]), bytes(fields[2]));
        match groups.last_mut() {
            Some((name, pairs)) if name == fields[0] => pairs.push(pair),
            _ => groups.push((fields[0].to_string(), vec![pair])),
        }
    }
    for (name, pairs) in &groups {
        let mut least = f64::INFINITY;
        for _ in 0..repeats {
            let start = Instant::now();
            for (expected, heard) in pairs {
                black_box(capture_diff_slices(Algorithm::Myers, black_box(expected), black_box(heard)));
            }
            least = least.min(start.elapsed().as_secs_f64());
        }
        println!("{name}\t{least:e}");
    }
}
