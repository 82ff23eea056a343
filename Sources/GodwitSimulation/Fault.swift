/// A kind of call on a file system or a file.
public enum CallKind: String, Sendable, CaseIterable {
    case open, read, write, sync, size, truncate
    case list, exists, createDirectory, removeDirectory, syncDirectory
    case rename, remove, link, lock, freeSpace
}

/// What goes wrong in a call.
public enum FaultEffect: Sendable, Equatable {
    /// The call is refused with this error number (`EIO`, `ENOSPC`, `EMFILE`, `EINTR` …) and does nothing. A refused
    /// `sync` drops what was not synced as Linux does: reads still show it, no later sync writes it, a crash loses it.
    case error(Int32)
    /// A read or write moves at most this many bytes (at least 1).
    case short(Int)
    /// A write stores a random part of the front of its bytes, then is refused with this error number.
    case torn(Int32)
    /// A write claims to have been done and stores nothing (the file grows with zeros where it would have grown).
    case lost
    /// A write lands this many bytes away from where it belongs.
    case misdirected(by: Int)
}

/// One entry of a plan of what shall go wrong: which calls, from which on, how often, and how.
public struct Fault: Sendable {
    /// What goes wrong.
    public let effect: FaultEffect
    /// The kinds of calls that count; nil for all.
    public let kinds: [CallKind]?
    /// How the path ends that the call names (for `rename` and `link`, either path); empty for all.
    public let pathSuffix: String
    /// Which of the calls that match is the first to go wrong, from 1.
    public let atCall: Int
    /// How many calls in a row go wrong.
    public let times: Int

    /// Plans a fault; by default for the next matching call, once.
    public init(
        _ effect: FaultEffect, on kinds: CallKind..., path pathSuffix: String = "", atCall: Int = 1, times: Int = 1
    ) {
        self.effect = effect
        self.kinds = kinds.isEmpty ? nil : kinds
        self.pathSuffix = pathSuffix
        self.atCall = atCall
        self.times = times
    }
}

/// What of the unsynced state a crash leaves.
public enum CrashOutcome: Sendable, Equatable, CaseIterable {
    /// Chosen by the seed for each file and for the names, among the others: what tests of recovery want.
    case random
    /// Only what was synced is left.
    case loseUnsynced
    /// Everything is left, as when only the process died.
    case keepEverything
    /// Each file, and the names, are as at some moment since the last sync; a write may be torn at any byte.
    case inOrder
    /// Any sector and any name change is left or not, whatever came before it; sectors are torn at any byte.
    case scattered
}
