/// One thing that is wrong with a table.
struct TableDamage: Sendable, Equatable, CustomStringConvertible {
    /// The part of the file.
    let part: String
    /// What is wrong.
    let problem: String
    let file: String
    let offset: UInt64

    /// `000007.sst at byte 4096: data block of table 7 fails its checksum…`
    var description: String { "\(file) at byte \(offset): \(part): \(problem)" }
}

extension TableReader {
    /// Reads every byte of the file, past the cache, and reports all that is wrong: checksums, parts that do not meet,
    /// entries out of order, index, filter, tags and properties at odds with the entries. Throws only where the file
    /// cannot be read at all (`.io`).
    func verify(_ report: (TableDamage) -> Void) throws(EngineError) {
        try withoutActuallyEscaping(report) { report throws(EngineError) in
            try TableVerification(self, report).run()
        }
    }
}

/// One run of `TableReader.verify`: a walk through the file in its order.
private final class TableVerification {
    private let reader: TableReader
    private let report: (TableDamage) -> Void

    private var filters: [CachedBlock?] = []
    private var counted = TableSummary()
    private var lastKey: [UInt8] = []
    private var lastSequence: SequenceNumber = 0
    private var lastContinues = false
    /// Whether every data block could be read, so that totals can be compared.
    private var isWhole = true

    init(_ reader: TableReader, _ report: @escaping (TableDamage) -> Void) {
        self.reader = reader
        self.report = report
    }

    deinit { for filter in filters { filter?.deallocate() } }

    func run() throws(EngineError) {
        let footer: TableFooter
        do throws(EngineError) {
            footer = try reader.readFooter()
        } catch {
            return try damage("footer", error)
        }
        for unit in 0..<Int(footer.filterUnits) {
            let handle = reader.filterHandle(unit, footer)
            filters.append(
                try unpack(.filter, handle) { (view) throws(FormatProblem) in
                    try FilterUnit.validate(view, lines: Int(footer.filterLines))
                })
        }
        try checkIndex(footer)
        try checkRangeTombstones(footer)
        try checkProperties(footer)
    }

    // MARK: Parts

    private func checkIndex(_ footer: TableFooter) throws(EngineError) {
        guard footer.partitions > 0 else {
            if footer.filterOffset != 0 { note(.data, 0, "has no index") }
            if footer.indexOffset != footer.propertiesOffset { note(.index, footer.indexOffset, "has no partitions") }
            return
        }
        let topHandle = UnitHandle(
            offset: footer.topOffset, length: Int(footer.propertiesOffset - footer.topOffset))
        let top = try unpack(.top, topHandle) { (view) throws(FormatProblem) in
            try TableReader.checkTop(view, footer)
        }
        guard let top else {
            isWhole = false
            return
        }
        defer { top.deallocate() }
        let index = IndexBlock(top.content)
        if index.endOffset != footer.topOffset { note(.top, footer.topOffset, "leaves a gap before itself") }
        var unit = 0
        var offset: UInt64? = 0
        for row in 0..<index.count {
            let handle = index.handle(row)
            let partition = try unpack(.index, handle) { (view) throws(FormatProblem) in
                try IndexBlock.validate(view, units: Int(footer.dataUnits), end: footer.filterOffset)
            }
            guard let partition else {
                isWhole = false
                offset = nil
                unit = -1
                continue
            }
            defer { partition.deallocate() }
            let rows = IndexBlock(partition.content)
            if let offset, rows.baseOffset != offset { note(.index, handle.offset, "leaves a gap in the data") }
            if unit >= 0, rows.firstUnit != unit { note(.index, handle.offset, "miscounts the blocks") }
            if rows.separator(rows.count - 1) != index.separator(row) {
                note(.index, handle.offset, "ends elsewhere than the top index says")
            }
            try checkData(rows, at: handle.offset)
            offset = rows.endOffset
            unit = rows.firstUnit + rows.count
        }
        if let offset, offset != footer.filterOffset { note(.data, offset, "are not all in the index") }
        if unit >= 0, unit != Int(footer.dataUnits) { note(.index, footer.indexOffset, "miscounts the blocks") }
        if lastContinues { note(.data, footer.filterOffset, "end in the middle of a key's versions") }
    }

    private func checkData(_ rows: IndexBlock, at indexOffset: UInt64) throws(EngineError) {
        var previous: [UInt8]?
        for row in 0..<rows.count {
            let handle = rows.handle(row)
            let separator = rows.separator(row)
            if let previous, separator.lexicographicallyPrecedes(previous) {
                note(.index, indexOffset, "is out of order")
            }
            previous = separator
            let block = try unpack(.data, handle) { (view) throws(FormatProblem) in try DataBlock.validate(view) }
            guard let block else {
                isWhole = false
                lastContinues = false
                continue
            }
            defer { block.deallocate() }
            check(DataBlock(block.content), handle, separator)
        }
    }

    private func check(_ data: DataBlock, _ handle: UnitHandle, _ separator: [UInt8]) {
        let prefix = data.prefix.array
        for index in 0..<data.count {
            let key = prefix + data.suffix(index).array
            let sequence = data.sequence(index)
            if counted.entries > 0 {
                let isSame = key == lastKey
                if isSame ? sequence >= lastSequence : key.lexicographicallyPrecedes(lastKey) {
                    note(.data, handle.offset, "is out of order at entry \(index)")
                }
                if index == 0, lastContinues != isSame, isWhole {
                    note(.data, handle.offset, "begins with another key than the block before says")
                }
            } else {
                counted.smallestKey = key
            }
            let hash = key.withView { $0.hash(seed: reader.hashSeed) }
            if data.tag(index) != UInt8(truncatingIfNeeded: hash) {
                note(.data, handle.offset, "has a wrong tag at entry \(index)")
            }
            if !filters.isEmpty { checkFilter(hash, handle, index) }
            key.withView { counted.count(data.entry(index, key: $0)) }
            lastKey = key
            lastSequence = sequence
        }
        lastContinues = data.continues
        if separator.lexicographicallyPrecedes(lastKey) {
            note(.data, handle.offset, "ends above its separator in the index")
        }
    }

    private func checkFilter(_ hash: UInt64, _ handle: UnitHandle, _ index: Int) {
        guard let first = filters.first(where: { $0 != nil }), let sample = first else { return }
        let lines = (sample.length - TableFormat.filterHeader) / 64
        let place = FilterUnit.place(hash, units: UInt64(filters.count), lines: UInt64(lines))
        guard let filter = filters[place.unit] else { return }
        if !FilterUnit(filter.content).mayContain(hash, line: place.line) {
            note(.data, handle.offset, "has entry \(index), which the filter denies")
        }
    }

    private func checkRangeTombstones(_ footer: TableFooter) throws(EngineError) {
        let length = Int(footer.indexOffset - footer.rangeTombstonesOffset)
        if length == 0 { return }
        let handle = UnitHandle(offset: footer.rangeTombstonesOffset, length: length)
        guard let block = try unpack(.rangeTombstones, handle, { (_) throws(FormatProblem) in }) else { return }
        defer { block.deallocate() }
        do throws(EngineError) {
            let set = try RangeTombstones.decode(block.view, file: reader.path, offset: handle.offset)
            if set.isEmpty { note(.rangeTombstones, handle.offset, "are empty") }
        } catch {
            try damage(UnitKind.rangeTombstones.name, error)
        }
    }

    private func checkProperties(_ footer: TableFooter) throws(EngineError) {
        let end = reader.size - UInt64(TableFormat.footer)
        let handle = UnitHandle(
            offset: footer.propertiesOffset, length: Int(end - footer.propertiesOffset))
        var properties: TableProperties?
        let block = try unpack(.properties, handle) { (view) throws(FormatProblem) in
            properties = try TableProperties(decoding: view)
        }
        guard let block else { return }
        block.deallocate()
        guard isWhole, let said = properties?.summary else { return }
        let agree =
            said.entries == counted.entries && said.tombstones == counted.tombstones
            && said.expiring == counted.expiring && said.minDeadline == counted.minDeadline
            && said.maxDeadline == counted.maxDeadline && said.rawBytes == counted.rawBytes
        // Range tombstones may widen what entries give, never narrow it.
        let covers =
            counted.entries == 0
            || (said.minSequence <= counted.minSequence && said.maxSequence >= counted.maxSequence
                && !counted.smallestKey.lexicographicallyPrecedes(said.smallestKey)
                && !said.largestKey.lexicographicallyPrecedes(lastKey))
        if !agree || !covers { note(.properties, handle.offset, "contradict the entries") }
    }

    // MARK: Reports

    /// Reads and checks a unit; reports damage and returns nil where there is some.
    private func unpack(
        _ kind: UnitKind, _ handle: UnitHandle, _ check: (ByteView) throws(FormatProblem) -> Void
    ) throws(EngineError) -> CachedBlock? {
        let block: CachedBlock
        do throws(EngineError) {
            block = try reader.readOwned(kind, handle)
        } catch {
            try damage(kind.name, error)
            return nil
        }
        do throws(FormatProblem) {
            try check(block.view)
            return block
        } catch {
            block.deallocate()
            try damage(kind.name, error.error(kind.name, file: reader.path, offset: handle.offset))
            return nil
        }
    }

    /// Reports an error that lies in the bytes; throws one that lies in reading them.
    private func damage(_ part: String, _ error: EngineError) throws(EngineError) {
        guard error.code == .corruption || error.code == .unsupportedFormat else { throw error }
        report(
            TableDamage(
                part: part, problem: error.message, file: error.file ?? reader.path, offset: error.offset ?? 0))
    }

    private func note(_ kind: UnitKind, _ offset: UInt64, _ problem: String) {
        report(TableDamage(part: kind.name, problem: problem, file: reader.path, offset: offset))
    }
}
