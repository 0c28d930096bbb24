//! Histories to measure on: agents of 13 blocks whose versions change one to three of them, made up
//! from a seed, so that every run and every rival gets the same bytes.

use serde_json::{Map, Value, json};

/// The blocks of a config and how often each is edited, relative to the others.
pub(crate) const BLOCKS: [(&str, u64); 13] = [
    ("prompt", 30),
    ("tools", 14),
    ("workflow", 12),
    ("llm", 10),
    ("voice", 8),
    ("language", 2),
    ("call_handling", 6),
    ("detection", 4),
    ("analytics", 5),
    ("timeouts", 4),
    ("audio", 2),
    ("privacy", 1),
    ("widget", 2),
];

/// The block whose history is asked for: the one that is edited least.
pub(crate) const RARE_BLOCK: &str = "privacy";

const WORDS: [&str; 64] = [
    "ask",
    "the",
    "caller",
    "for",
    "their",
    "order",
    "number",
    "before",
    "you",
    "open",
    "a",
    "ticket",
    "never",
    "promise",
    "delivery",
    "date",
    "that",
    "system",
    "does",
    "not",
    "show",
    "when",
    "line",
    "is",
    "silent",
    "wait",
    "two",
    "seconds",
    "then",
    "repeat",
    "question",
    "once",
    "more",
    "in",
    "other",
    "words",
    "use",
    "short",
    "sentences",
    "and",
    "plain",
    "language",
    "confirm",
    "every",
    "address",
    "by",
    "reading",
    "it",
    "back",
    "slowly",
    "if",
    "customer",
    "sounds",
    "upset",
    "offer",
    "human",
    "colleague",
    "write",
    "down",
    "what",
    "was",
    "agreed",
    "thank",
    "them",
];

/// A pseudo-random sequence (SplitMix64), the same for the same seed on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("below a length")
    }

    fn sentence(&mut self) -> String {
        let words: Vec<&str> = (0..6 + self.below(12)).map(|_| WORDS[self.index(WORDS.len())]).collect();
        let text = words.join(" ");
        format!("{}{}.", text[..1].to_uppercase(), &text[1..])
    }

    /// Sentences in lines, about `bytes` long.
    fn text(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 100);
        while text.len() < bytes {
            text.push_str(&self.sentence());
            text.push(if self.below(3) == 0 { '\n' } else { ' ' });
        }
        text
    }
}

/// How big a config is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    /// About 68 kB.
    Large,
    /// About 22 kB.
    Middle,
    /// About 1 kB: for very many agents.
    Tiny,
}

impl Size {
    fn sections(self) -> [usize; 4] {
        match self {
            Self::Large => [26_000, 24, 44, 6_000],
            Self::Middle => [8_500, 8, 14, 1_800],
            Self::Tiny => [160, 1, 1, 40],
        }
    }
}

/// One agent's config, which changes from version to version.
#[derive(Debug, Clone)]
pub(crate) struct Evolving {
    random: Random,
    /// The config: its 13 blocks by name.
    pub(crate) config: Map<String, Value>,
}

impl Evolving {
    /// The first version of the agent of that seed.
    pub(crate) fn new(seed: u64, size: Size) -> Self {
        let mut random = Random::new(seed);
        let [prompt, tools, nodes, rest] = size.sections();
        let r = &mut random;
        let mut config = Map::new();
        let mut put = |name: &str, value: Value| drop(config.insert(name.to_owned(), value));
        put("prompt", Value::from(r.text(prompt)));
        put("tools", (0..tools).map(|at| tool(r, at)).collect());
        put("workflow", workflow(r, nodes));
        put("llm", json!({"model": "small-2", "temperature": 0.2, "max_tokens": 400}));
        put("voice", json!({"voice_id": "nyah", "speed": 1, "stability": 0.6}));
        put("language", json!({"default": "en", "presets": {"de": r.sentence(), "fr": r.sentence()}}));
        put("call_handling", json!({"first_message": r.sentence(), "max_transfer_wait": 45}));
        put("detection", json!({"voicemail": true, "after_s": 12, "words": r.text(rest / 8)}));
        put("analytics", json!({"metrics": [{"name": "solved", "prompt": r.text(rest)}]}));
        put("timeouts", json!({"turn_s": 7.5, "silence_s": 30}));
        put("audio", json!({"background": "office", "volume": 0.3, "denoise": true}));
        put(
            "privacy",
            json!({"retention_days": 30, "redact": ["card", "email"], "notice": r.text(rest / 8)}),
        );
        put("widget", json!({"accent": "#336699", "greeting": r.sentence(), "terms": r.text(rest / 2)}));
        Self { random, config }
    }

    /// The config under the API's names of the generic profile.
    pub(crate) fn value(&self) -> Value {
        Value::Object(self.config.clone())
    }

    /// Makes the next version; returns the blocks that it changes: 1 in 70 of 100 cases, 2 in 20, else 3.
    pub(crate) fn step(&mut self) -> Vec<&'static str> {
        let count = match self.random.below(10) {
            0..=6 => 1,
            7 | 8 => 2,
            _ => 3,
        };
        let total: u64 = BLOCKS.iter().map(|(_, weight)| weight).sum();
        let mut names: Vec<&'static str> = Vec::new();
        while names.len() < count {
            let mut at = self.random.below(total);
            let chosen = BLOCKS.iter().find(|(_, weight)| {
                let here = at < *weight;
                at = at.saturating_sub(*weight);
                here
            });
            let name = chosen.expect("below the sum of the weights").0;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for name in &names {
            self.edit(name);
        }
        names
    }

    /// Changes one block.
    pub(crate) fn edit(&mut self, name: &str) {
        let r = &mut self.random;
        let block = self.config.get_mut(name).expect("one of the 13 blocks");
        match (name, block) {
            ("prompt", Value::String(text)) => {
                let mut lines: Vec<&str> = text.split('\n').collect();
                let (at, sentence) = (r.index(lines.len()), r.sentence());
                if lines.len() > 3 && r.below(2) == 0 {
                    lines.remove(at);
                }
                lines.insert(at.min(lines.len()), &sentence);
                *text = lines.join("\n");
            }
            ("tools", Value::Array(tools)) => {
                let at = r.index(tools.len());
                tools[at]["description"] = Value::from(r.sentence());
            }
            ("workflow", Value::Object(flow)) => {
                let nodes = flow["nodes"].as_array_mut().expect("nodes are a list");
                let at = r.index(nodes.len());
                nodes[at]["text"] = Value::from(r.sentence());
            }
            ("llm", block) => block["max_tokens"] = Value::from(100 + r.below(100_000)),
            ("voice", block) => block["pause_ms"] = Value::from(r.below(1_000_000)),
            ("timeouts", block) => block["silence_s"] = Value::from(r.below(1_000_000)),
            (_, block) => block["tuning"] = Value::from(r.sentence()),
        }
    }
}

fn tool(r: &mut Random, at: usize) -> Value {
    json!({
        "name": format!("tool_{at}"),
        "description": r.sentence(),
        "url": format!("https://api.example.com/v1/tools/{at}"),
        "method": "POST",
        "timeout_ms": 5000,
        "parameters": {"type": "object", "required": ["order"], "properties": {
            "order": {"type": "string", "description": r.sentence()},
            "reason": {"type": "string", "description": r.sentence(), "enum": ["late", "broken", "wrong"]},
        }},
    })
}

fn workflow(r: &mut Random, count: usize) -> Value {
    let nodes: Value = (0..count)
        .map(|at| {
            json!({
                "id": format!("node-{at}"),
                "kind": if at == 0 { "start" } else { "say" },
                "text": r.text(260),
                "position": {"x": r.below(4000), "y": r.below(4000)},
                "next": [format!("node-{}", (at + 1) % count)],
            })
        })
        .collect();
    json!({"version": 2, "nodes": nodes})
}
