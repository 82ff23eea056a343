extension Engine {
    /// Begins an epoch: from its first record on, every position differs from those of any other history. Synced before it
    /// returns, and before anything is acknowledged under it.
    ///
    /// - Parameter epoch: The epoch; nil for the next number with a random tag.
    /// - Throws: `.history` unless it is above the present one.
    @discardableResult
    public func beginEpoch(_ epoch: Epoch? = nil) throws(EngineError) -> Epoch {
        let side = try writable()
        let node = try NodeIdentity.read(in: directory, store.environment.fileSystem)
        let (pipeline, random) = (side.pipeline, store.environment.random)
        let position = try pipeline.exclusively { () throws(EngineError) in
            let parent = pipeline.currentPoint
            let next = epoch ?? Epoch(
                number: parent.position.epoch.number + 1, tag: UInt32(truncatingIfNeeded: random.next()))
            guard next > parent.position.epoch else {
                throw EngineError(.history, "epoch \(next) is not above the present one, \(parent.position.epoch)")
            }
            try pipeline.append(.epochBegin, epoch: next) { EpochBegin(nodeID: node, parent: parent).encode(into: $0) }
            return pipeline.currentPoint.position
        }
        try side.sync.wait(for: position.sequence)
        return position.epoch
    }

    /// How the epochs of this history began, ascending.
    public var epochHistory: [EpochStart] { store.manifest.state.epochHistory }

    /// The end of the history that readers see, with its chain value.
    public var historyPoint: HistoryPoint { writeSide?.tail.point ?? store.manifest.state.end }
}
