/// What a repair did, and what is lost.
public struct RepairReport: Sendable {
    /// What was done, in order, for people. Empty where nothing was damaged: then nothing was changed.
    public internal(set) var actions: [String] = []
    /// The damaged files, kept in the store's directory `damaged`: their paths there.
    public internal(set) var setAside: [String] = []
    /// The keys of which something may be lost. Where the newest version of a key is gone, an older one may show again.
    public internal(set) var lost: [LostRange] = []
    /// The sequence numbers of log records that were cut off, where that is known; what of them was in tables already is
    /// there.
    public internal(set) var lostRecords: ClosedRange<UInt64>?
    /// Keyspaces whose name and settings are lost: they have these names now, and default settings.
    public internal(set) var renamedKeyspaces: [String] = []

    /// Whether anything was damaged.
    public var hasRepaired: Bool { !actions.isEmpty }
}
