internal import Synchronization

/// What a point read found in one table.
enum TableLookup {
    /// No version of the key that the snapshot sees.
    case absent
    /// The newest version that the snapshot sees. The value is lent: by the epoch, or by the `LentBlock` handed in.
    case found(Entry)
    /// Not known without reading the file.
    case needsIO
}

/// Reads one table. Opening reads nothing: footer and top index are read on first use, everything else when it is
/// needed, and is kept in the block cache.
///
/// A point read of a resident key takes no lock, reference or memory (`TableReader+Find.swift`): its dependent cache
/// misses are the filter line (asked for early by `prefetchFilter`), the index word, the block's slot, the block's head
/// and the entry.
///
/// Whoever reads holds an epoch around `find` and the use of its value, and sees to it that the reader itself stays.
final class TableReader: @unchecked Sendable {
    let path: String
    let number: UInt64
    let id: TableID
    let size: UInt64
    /// Entries above this sequence number are not seen (a rewound table).
    let visibleThrough: SequenceNumber
    /// The sequence number that all entries read as, where not 0 (an ingested table).
    let globalSequence: SequenceNumber
    let cache: BlockCache
    let hits: HitCounters
    let hashSeed: UInt64
    let fileSystem: any FileSystem
    let direct: Bool

    /// The address of the `TableRoot`; 0 until first use.
    let rootAddress = Atomic<UInt>(0)
    /// Whether damage was met: a node has the table's keys sent by another one then.
    private let damaged = Atomic<Bool>(false)
    /// The address of the retained range tombstones; 0 until first use.
    private let tombstones = Atomic<UInt>(0)
    private let lock = Lock()
    /// The open file; guarded by `lock`.
    private var opened: (any File)?
    /// Nothing is published any more; guarded by the cache's lock.
    private var isRetired = false

    /// Describes a table; reads nothing. `size`, `uniqueID` and `number` are what the manifest says.
    init(
        open path: String, fileSystem: any FileSystem, number: UInt64, uniqueID: TableID, size: UInt64,
        cache: BlockCache, hashSeed: UInt64, visibleThrough: SequenceNumber = .max,
        globalSequence: SequenceNumber = 0, direct: Bool = false
    ) {
        self.path = path
        self.fileSystem = fileSystem
        self.number = number
        self.id = uniqueID
        self.size = size
        self.cache = cache
        hits = cache.hits
        self.hashSeed = hashSeed
        self.visibleThrough = visibleThrough
        self.globalSequence = globalSequence
        self.direct = direct
    }

    deinit {
        retire()
        if let set = unsafe UnsafeRawPointer(bitPattern: tombstones.load(ordering: .acquiring)) {
            unsafe Unmanaged<RangeTombstones>.fromOpaque(set).release()
        }
        guard let root = TableRootPointer(address: rootAddress.load(ordering: .acquiring)) else { return }
        cache.charge(-root.root.size)
        root.deallocate()
    }

    /// Unlinks the cached blocks, for the table is obsolete: they are freed once no reader can be at them. Reads that
    /// are under way go on; what they load is no longer cached.
    func retire() {
        let root = TableRootPointer(address: rootAddress.load(ordering: .acquiring))
        cache.unlink({ root!.root.slot($0) }, count: root?.root.slotCount ?? 0) { isRetired = true }
    }

    /// Whether damage was met so far.
    var isDamaged: Bool { damaged.load(ordering: .relaxed) }

    /// Takes note of damage that is about to be thrown.
    func noted(_ error: EngineError) -> EngineError {
        damaged.store(true, ordering: .relaxed)
        return error
    }

    /// Whether blocks may be published; asked under the cache's lock.
    var isOpen: Bool { !isRetired }

    /// The range deletes that readers see: read on first use, then kept.
    func rangeTombstones() throws(EngineError) -> RangeTombstones {
        if let set = unsafe UnsafeRawPointer(bitPattern: tombstones.load(ordering: .acquiring)) {
            return unsafe Unmanaged<RangeTombstones>.fromOpaque(set).takeUnretainedValue()
        }
        let set = try readRangeTombstones()
        let retained = unsafe UInt(bitPattern: Unmanaged.passRetained(set).toOpaque())
        let (first, other) = tombstones.compareExchange(
            expected: 0, desired: retained, ordering: .acquiringAndReleasing)
        if first { return set }
        unsafe Unmanaged.passUnretained(set).release()
        return unsafe Unmanaged<RangeTombstones>.fromOpaque(UnsafeRawPointer(bitPattern: other)!)
            .takeUnretainedValue()
    }

    /// Whether `rangeTombstones()` needs no disk.
    var hasLoadedRangeTombstones: Bool { tombstones.load(ordering: .acquiring) != 0 }

    private func readRangeTombstones() throws(EngineError) -> RangeTombstones {
        let footer = try root().root.footer
        let handle = UnitHandle(
            offset: footer.rangeTombstonesOffset, length: Int(footer.indexOffset - footer.rangeTombstonesOffset))
        if handle.length == 0 { return .none }
        let block = try readOwned(.rangeTombstones, handle)
        defer { block.deallocate() }
        let stored = try RangeTombstones.decode(block.view, file: path, offset: handle.offset)
        if visibleThrough == .max, globalSequence == 0 { return stored }
        let seen = stored.items.map { item in
            RangeTombstone(
                start: item.start, end: item.end,
                sequence: globalSequence == 0 ? item.sequence : globalSequence)
        }
        return RangeTombstones(seen.filter { $0.sequence <= visibleThrough })
    }

    /// What the file says of its own content.
    func properties() throws(EngineError) -> TableProperties {
        let footer = try root().root.footer
        let end = size - UInt64(TableFormat.footer)
        let handle = UnitHandle(offset: footer.propertiesOffset, length: Int(end - footer.propertiesOffset))
        let block = try readOwned(.properties, handle)
        defer { block.deallocate() }
        do throws(FormatProblem) {
            return try TableProperties(decoding: block.view)
        } catch {
            throw error.error(UnitKind.properties.name, file: path, offset: handle.offset)
        }
    }

    /// Walks the entries that readers see, both ways. `fillCache` false leaves the cache as it is: for compaction.
    func iterator(fillCache: Bool) -> any EntryIterator { TableIterator(self, fillCache: fillCache) }

    /// About how many bytes of the data lie before `key`: exact to a block where the index is resident, else to a
    /// partition.
    func approximateOffset(of key: ByteView) -> UInt64 {
        guard let root = TableRootPointer(address: rootAddress.load(ordering: .acquiring)), root.root.partitions > 0
        else { return 0 }
        let end = root.root.footer.filterOffset
        let partition = root.root.top.lowerBound(key)
        if partition == root.root.partitions { return end }
        return EpochDomain.read {
            guard let block = root.root.partitionSlot(partition).load() else {
                return UInt64(partition) * (end / UInt64(root.root.partitions))
            }
            let index = IndexBlock(block.content)
            let row = index.lowerBound(key)
            return row < index.count ? index.handle(row).offset : index.endOffset
        }
    }

    /// The open file; opened on first use.
    func file() throws(EngineError) -> any File {
        if let file = lock.withLock({ opened }) { return file }
        let fresh = try fileSystem.open(path, direct ? .readDirect : .read)
        return lock.withLock {
            if let opened { return opened }
            opened = fresh
            return fresh
        }
    }
}
