/// An immutable set of range deletes, *fragmented*: cut at every bound into disjoint fragments in key order, each with
/// the sequence numbers of all deletes that cover it, newest first. A lookup is one binary search.
///
/// The form is canonical (no empty fragment, no two neighbours that could be one), so equal sets encode to equal bytes.
/// Deletes that overlap deeply cost memory in proportion to depth times fragments.
///
/// Encoded: varint count of fragments, then for each: prefixed start, prefixed end, varint count of sequence numbers,
/// the newest as a varint, and for each further one the varint by which it is lower.
@safe
final class RangeTombstones: @unchecked Sendable {
    /// No range deletes.
    static let none = RangeTombstones([])

    /// How many fragments there are.
    let fragmentCount: Int
    /// How many sequence numbers all fragments have together: the number of `items`.
    let itemCount: Int
    /// How many bytes of memory the set takes.
    let byteCount: Int
    /// The newest delete's sequence number; 0 when there is none.
    let maxSequence: SequenceNumber

    /// One allocation: the rows, the sequence numbers, the keys' bytes.
    private let memory: UnsafeMutableRawPointer
    private let rows: UnsafeMutablePointer<Row>
    private let sequences: UnsafeMutablePointer<SequenceNumber>

    /// Where a fragment's parts lie in `memory`.
    private struct Row {
        var startOffset, startLength, endOffset, endLength, firstSequence, sequenceCount: UInt32
    }

    /// A fragment of a set in the making: `count` sequence numbers of a pool from `first`, and before them `newest`
    /// where that is not 0.
    private struct Piece {
        var start: ByteView
        var end: ByteView
        var first: Int
        var count: Int
        var newest: SequenceNumber = 0

        var total: Int { count + (newest == 0 ? 0 : 1) }

        func hasSameSequences(as other: Piece, in pool: [SequenceNumber]) -> Bool {
            newest == other.newest && count == other.count
                && (first == other.first || pool[first..<first + count] == pool[other.first..<other.first + count])
        }
    }

    /// Fragments any range deletes, in any order; those of empty ranges are left out.
    convenience init(_ items: [RangeTombstone]) {
        // The pieces point into `keys`, whose memory must not move: it is reserved whole.
        let keys = ByteWriter(capacity: items.reduce(0) { $0 + $1.start.count + $1.end.count })
        var ranges: [(start: ByteView, end: ByteView, sequence: SequenceNumber)] = []
        var bounds: [ByteView] = []
        for item in items where item.start.withView({ start in item.end.withView { start.compare($0) < 0 } }) {
            let at = keys.count
            keys.append(item.start)
            keys.append(item.end)
            let start = keys.view.slice(at, item.start.count)
            let end = keys.view.slice(at + item.start.count, item.end.count)
            ranges.append((start, end, item.sequence))
            bounds.append(start)
            bounds.append(end)
        }
        bounds.sort { $0.compare($1) < 0 }
        var unique: [ByteView] = []
        for bound in bounds where unique.last?.equals(bound) != true { unique.append(bound) }
        var lists: [[SequenceNumber]] = Array(repeating: [], count: unique.count)
        for range in ranges {
            var index = Self.partition(unique.count) { unique[$0].compare(range.start) < 0 }
            while !unique[index].equals(range.end) {
                lists[index].append(range.sequence)
                index += 1
            }
        }
        var pool: [SequenceNumber] = []
        var pieces: [Piece] = []
        for index in lists.indices where !lists[index].isEmpty {
            let first = pool.count
            for sequence in lists[index].sorted(by: >) where pool.count == first || pool.last != sequence {
                pool.append(sequence)
            }
            pieces.append(
                Piece(start: unique[index], end: unique[index + 1], first: first, count: pool.count - first))
        }
        self.init(pieces, pool: pool)
        // Until here the pieces borrowed the writer's memory.
        withExtendedLifetime(keys) {}
    }

    /// Lays pieces (in key order, disjoint) out in memory of its own, joining neighbours that are alike.
    private init(_ pieces: [Piece], pool: [SequenceNumber]) {
        var joined: [Piece] = []
        joined.reserveCapacity(pieces.count)
        for piece in pieces {
            if let last = joined.last, last.end.equals(piece.start), last.hasSameSequences(as: piece, in: pool) {
                joined[joined.count - 1].end = piece.end
            } else {
                joined.append(piece)
            }
        }
        let total = joined.reduce(0) { $0 + $1.total }
        let rowBytes = (joined.count * MemoryLayout<Row>.stride + 7) & ~7
        let keyBytes = joined.reduce(0) { $0 + $1.start.count + $1.end.count }
        byteCount = rowBytes + total * 8 + keyBytes
        precondition(byteCount <= Int(UInt32.max), "range tombstones: too many in one set")
        fragmentCount = joined.count
        itemCount = total
        unsafe memory = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 16)
        unsafe rows = memory.bindMemory(to: Row.self, capacity: joined.count)
        unsafe sequences = (memory + rowBytes).bindMemory(to: SequenceNumber.self, capacity: total)

        var keyOffset = rowBytes + total * 8
        var sequenceIndex = 0
        var newest: SequenceNumber = 0
        for (index, piece) in joined.enumerated() {
            unsafe (memory + keyOffset).copyMemory(from: piece.start.base, byteCount: piece.start.count)
            unsafe (memory + keyOffset + piece.start.count).copyMemory(
                from: piece.end.base, byteCount: piece.end.count)
            unsafe rows[index] = Row(
                startOffset: UInt32(keyOffset), startLength: UInt32(piece.start.count),
                endOffset: UInt32(keyOffset + piece.start.count), endLength: UInt32(piece.end.count),
                firstSequence: UInt32(sequenceIndex), sequenceCount: UInt32(piece.total))
            keyOffset += piece.start.count + piece.end.count
            let first = sequenceIndex
            if piece.newest != 0 {
                unsafe sequences[sequenceIndex] = piece.newest
                sequenceIndex += 1
            }
            for sequence in pool[piece.first..<piece.first + piece.count] {
                unsafe sequences[sequenceIndex] = sequence
                sequenceIndex += 1
            }
            newest = unsafe max(newest, sequences[first])
        }
        maxSequence = newest
    }

    deinit { unsafe memory.deallocate() }

    /// Whether nothing is deleted.
    var isEmpty: Bool { fragmentCount == 0 }

    /// The sequence number of the newest delete that covers `key` and is not newer than `snapshot`; 0 where there is
    /// none.
    func covering(_ key: ByteView, at snapshot: SequenceNumber) -> SequenceNumber {
        let after = Self.partition(fragmentCount) { start(of: $0).compare(key) <= 0 }
        guard after > 0, key.compare(end(of: after - 1)) < 0 else { return 0 }
        let count = sequenceCount(of: after - 1)
        let index = Self.partition(count) { sequence($0, of: after - 1) > snapshot }
        return index < count ? sequence(index, of: after - 1) : 0
    }

    /// The deletes, one for each fragment and sequence number: by start, newest first.
    var items: [RangeTombstone] {
        var items: [RangeTombstone] = []
        items.reserveCapacity(itemCount)
        for index in 0..<fragmentCount {
            let (start, end) = (start(of: index).array, end(of: index).array)
            for which in 0..<sequenceCount(of: index) {
                items.append(RangeTombstone(start: start, end: end, sequence: sequence(which, of: index)))
            }
        }
        return items
    }

    /// This set and one delete more, which must be newer than all of it.
    func adding(start: ByteView, end: ByteView, sequence: SequenceNumber) -> RangeTombstones {
        precondition(sequence > maxSequence, "range tombstones: a delete that is not the newest")
        guard start.compare(end) < 0 else { return self }
        let pool = unsafe Array(UnsafeBufferPointer(start: sequences, count: itemCount))
        var pieces: [Piece] = []
        pieces.reserveCapacity(fragmentCount + 3)
        // The part of the new range that no piece stands for yet begins at `rest`.
        var rest = start
        func coverGap(upTo bound: ByteView) {
            guard rest.compare(bound) < 0 else { return }
            pieces.append(Piece(start: rest, end: bound, first: 0, count: 0, newest: sequence))
            rest = bound
        }
        for index in 0..<fragmentCount {
            let old = piece(index)
            if old.end.compare(start) <= 0 {
                pieces.append(old)
            } else if old.start.compare(end) >= 0 {
                coverGap(upTo: end)
                pieces.append(old)
            } else {
                var covered = old
                if old.start.compare(start) < 0 {
                    covered.start = start
                    var before = old
                    before.end = start
                    pieces.append(before)
                }
                coverGap(upTo: covered.start)
                if old.end.compare(end) > 0 { covered.end = end }
                covered.newest = sequence
                pieces.append(covered)
                rest = covered.end
                if old.end.compare(end) > 0 {
                    var after = old
                    after.start = end
                    pieces.append(after)
                }
            }
        }
        coverGap(upTo: end)
        return RangeTombstones(pieces, pool: pool)
    }

    /// Appends the set's encoded form.
    func encode(into writer: ByteWriter) {
        writer.appendVarint(UInt64(fragmentCount))
        for index in 0..<fragmentCount {
            writer.appendPrefixed(start(of: index))
            writer.appendPrefixed(end(of: index))
            writer.appendVarint(UInt64(sequenceCount(of: index)))
            var above: SequenceNumber?
            for which in 0..<sequenceCount(of: index) {
                let sequence = sequence(which, of: index)
                writer.appendVarint(above.map { $0 - sequence } ?? sequence)
                above = sequence
            }
        }
    }

    /// Reads what `encode` wrote, all of `bytes`; anything else is `.corruption` of `file` at `offset`.
    static func decode(
        _ bytes: ByteView, file: String? = nil, offset: UInt64? = nil
    ) throws(EngineError) -> RangeTombstones {
        guard let set = decodePieces(bytes) else {
            throw EngineError(
                .corruption, "range tombstones are malformed; verify the store, then repair or restore it",
                file: file, offset: offset)
        }
        return set
    }

    private static func decodePieces(_ bytes: ByteView) -> RangeTombstones? {
        var reader = ByteReader(bytes)
        guard let fragments = reader.readVarint(), fragments <= UInt64(bytes.count) else { return nil }
        var pieces: [Piece] = []
        var pool: [SequenceNumber] = []
        for _ in 0..<fragments {
            guard let start = reader.readPrefixed(), let end = reader.readPrefixed(), start.compare(end) < 0,
                (pieces.last?.end.compare(start) ?? -1) <= 0,
                let count = reader.readVarint(), count > 0, count <= UInt64(reader.remaining),
                var sequence = reader.readVarint(), sequence > 0
            else { return nil }
            let first = pool.count
            pool.append(sequence)
            for _ in 1..<count {
                guard let lower = reader.readVarint(), lower > 0, lower < sequence else { return nil }
                sequence -= lower
                pool.append(sequence)
            }
            pieces.append(Piece(start: start, end: end, first: first, count: Int(count)))
        }
        guard reader.remaining == 0 else { return nil }
        return RangeTombstones(pieces, pool: pool)
    }

    /// How many of `count` elements, beginning with the first, satisfy `belongs`, which none does after one that
    /// doesn't.
    @inline(__always)
    private static func partition(_ count: Int, _ belongs: (Int) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if belongs(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    @inline(__always)
    private func row(_ index: Int) -> Row {
        precondition(index >= 0 && index < fragmentCount)
        return unsafe rows[index]
    }

    @inline(__always)
    private func start(of index: Int) -> ByteView {
        let row = row(index)
        return unsafe ByteView(memory + Int(row.startOffset), count: Int(row.startLength))
    }

    @inline(__always)
    private func end(of index: Int) -> ByteView {
        let row = row(index)
        return unsafe ByteView(memory + Int(row.endOffset), count: Int(row.endLength))
    }

    @inline(__always)
    private func sequenceCount(of index: Int) -> Int { Int(row(index).sequenceCount) }

    @inline(__always)
    private func sequence(_ which: Int, of index: Int) -> SequenceNumber {
        precondition(which >= 0 && which < sequenceCount(of: index))
        return unsafe sequences[Int(row(index).firstSequence) + which]
    }

    private func piece(_ index: Int) -> Piece {
        let row = row(index)
        return Piece(
            start: start(of: index), end: end(of: index), first: Int(row.firstSequence),
            count: Int(row.sequenceCount))
    }
}
