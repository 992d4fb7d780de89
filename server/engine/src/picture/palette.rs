//! Colours: one for each collection, on light and on dark ground.

use seed_collections::REGISTRY;

/// The colours of a box on one kind of ground.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground {
    pub fill: &'static str,
    pub line: &'static str,
}

/// The colours of a collection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shade {
    pub light: Ground,
    pub dark: Ground,
}

const fn on(light: [&'static str; 2], dark: [&'static str; 2]) -> Shade {
    Shade { light: Ground { fill: light[0], line: light[1] }, dark: Ground { fill: dark[0], line: dark[1] } }
}

const SHADES: [Shade; 10] = [
    on(["#eaf1fe", "#3b6fd4"], ["#172642", "#7ba6f7"]),
    on(["#e7f6ed", "#2f855a"], ["#142c20", "#68c793"]),
    on(["#fdf3de", "#b7791f"], ["#33270e", "#e3b341"]),
    on(["#f2ecfd", "#7c4dcf"], ["#281e42", "#b695f4"]),
    on(["#fdeaf0", "#c53f64"], ["#3a1824", "#f28aa5"]),
    on(["#e2f5f6", "#1f8a92"], ["#102d31", "#5ec7cf"]),
    on(["#fdede2", "#c2571a"], ["#391f11", "#f0945c"]),
    on(["#f1f5dd", "#6b8019"], ["#262c0e", "#b3c95a"]),
    on(["#fbe9f9", "#a83c9c"], ["#351731", "#e58ddb"]),
    on(["#edf1f5", "#566579"], ["#202833", "#a3b1c2"]),
];

/// The collections, in the order of the registry, so that a new one behind them leaves their colours alone.
pub(super) fn collections() -> impl Iterator<Item = &'static str> {
    let name = |name: &'static str| name.split_once('.').map_or(name, |(collection, _)| collection);
    REGISTRY.collections.iter().filter_map(move |types| types.first().map(|first| name(first.name)))
}

/// The colours of a collection.
pub(super) fn shade(collection: &str) -> Shade {
    let place = collections().position(|name| name == collection).unwrap_or(SHADES.len() - 1);
    SHADES[place % SHADES.len()]
}
