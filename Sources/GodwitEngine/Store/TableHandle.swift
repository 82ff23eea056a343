internal import Synchronization

/// A table as views hold it: its metadata and its reader. When the last view that holds an obsolete table goes, the
/// table goes to the garbage, whose job deletes the file: never a caller's thread.
final class TableHandle: Sendable {
    let meta: TableMeta
    let reader: TableReader
    private let isObsolete = Atomic<Bool>(false)
    private let garbage: Garbage

    init(_ meta: TableMeta, reader: TableReader, garbage: Garbage) {
        self.meta = meta
        self.reader = reader
        self.garbage = garbage
    }

    deinit {
        if isObsolete.load(ordering: .acquiring) { garbage.add(table: meta.number, reader) } else { reader.retire() }
    }

    /// The manifest no longer names the table: its file goes with its last holder.
    func markObsolete() { isObsolete.store(true, ordering: .releasing) }
}
