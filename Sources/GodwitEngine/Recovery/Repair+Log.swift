// The third step: the log.

extension Repair {
    /// Reads the log; where it is damaged, or `always`, turns what can be read of it into tables, and begins another.
    mutating func repairLog(_ manifest: ManifestStore, always: Bool) throws(EngineError) {
        let state = manifest.state
        guard state.logFloor != 0 else { return }
        let identity = LogIdentity(storeID: state.storeID.bytes, seed: state.hashSeed)
        let log = LogDirectory(fileSystem: fileSystem, path: directory, identity: identity)
        var found = VerificationReport()
        let behind = LogCheck(log, state).run(&found, &progress)
        guard behind != nil || always else { return }

        progress.begin("turning the log into tables")
        var options = EngineOptions()
        options.mode = .openExisting
        let store = Store(
            directory: directory, options: options, environment: environment, events: EventHub(), manifest: manifest)
        defer { store.detach() }
        let parts = OpenSequence.parts(store)
        let replayed = try LogReplay(parts).runToDamage()
        let point = replayed.point
        if let damage = replayed.damage {
            let first = damage.file.flatMap { LogFormat.segment(named: String($0.split(separator: "/").last ?? "")) }
            for segment in try log.segments() where segment >= first ?? state.logFloor { try keep(.segment(segment)) }
            report.actions.append(
                "cut the log after sequence number \(replayed.reached): \(damage.message) "
                    + "(\(damage.file ?? directory) at byte \(damage.offset ?? 0)); what was before is in tables now")
            let last = max(behind ?? 0, state.end.position.sequence)
            let kept = max(replayed.reached, state.keyspaces.map(\.meta.flushedThrough).min() ?? 0)
            if last > kept { report.lostRecords = kept + 1...last }
        } else {
            report.actions.append("turned the log up to sequence number \(point.position.sequence) into tables")
        }
        let segments = try LogSegments(log, nextFileNumber: { () throws(EngineError) in manifest.allocateFileNumber() })
        let writer = try LogWriter(segments, in: log, after: point)
        var edit = VersionEdit([
            .end(point), .lastStamp(store.clock.stamp()), .rewindPoints([]), .logFloor(segment: writer.end.segment),
        ])
        for keyspace in manifest.state.keyspaces {
            edit.append(.flushedThrough(keyspace: keyspace.meta.id, point.position.sequence))
        }
        try manifest.commit(edit)
    }
}
