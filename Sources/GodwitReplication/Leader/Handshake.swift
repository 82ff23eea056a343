internal import GodwitEngine

/// How a node answers a hello: decided by what both sides say, and by nothing else.
struct Handshake {
    /// What the answering node can do for a follower.
    enum Standing {
        /// It is the primary.
        case open
        /// It is the primary, and does not know yet whether its log is whole.
        case recovering
        /// It follows another node: what it has, it can pass on.
        case relay
        /// Another node has begun a newer epoch.
        case deposed
    }

    enum Answer: Equatable {
        case stream(after: HistoryPoint)
        case rewind(to: HistoryPoint)
        /// A full copy; `fork` is the last point that both sides share.
        case bootstrap(fork: HistoryPoint)
        case sendBack(after: HistoryPoint)
        /// Answer when it is known whether the log is whole.
        case hold
        case refuse(Refusal, String)
    }

    let store: StoreID
    let region: String
    let history: EpochHistory
    let standing: Standing
    /// The highest epoch this node has heard of, the follower's included.
    let newest: Epoch
    /// The keyspaces held here; nil for all.
    let keyspaces: [String]?

    /// The answer to `hello`, from a peer whose certificate allows it `allowed` (nil: all).
    func answer(_ hello: Hello, allowed: [String]?) -> Answer {
        if let refusal = refusal(hello, allowed) { return refusal }
        let isRecovering = standing == .recovering
        let shared =
            hello.store == nil ? .start : history.fork(from: EpochHistory(epochs: hello.epochs, end: hello.end))
        guard hello.store != nil, !hello.needsCopy, let fork = shared else {
            return isRecovering ? .hold : .bootstrap(fork: shared ?? .start)
        }
        if fork == hello.end { return isRecovering ? .hold : .stream(after: fork) }
        guard fork == history.end else { return isRecovering ? .hold : .rewind(to: fork) }
        // The follower has all that is here and more.
        switch standing {
        case .recovering: return hello.keyspaces == nil ? .sendBack(after: fork) : .hold
        case .relay: return .refuse(.behind, "this node is at \(fork), and that one is further")
        case .open, .deposed: return .rewind(to: fork)
        }
    }

    private func refusal(_ hello: Hello, _ allowed: [String]?) -> Answer? {
        if let other = hello.store, other != store {
            return .refuse(.otherStore, "this is store \(store), and that one is \(other)")
        }
        if hello.region != region, RegionID.of(hello.region) == RegionID.of(region) {
            return .refuse(.otherStore, "regions `\(hello.region)` and `\(region)` share a number: rename one")
        }
        if let allowed, !(hello.keyspaces.map { Set($0).isSubset(of: allowed) } ?? false) {
            return .refuse(.notAuthorised, "the certificate allows only \(allowed.joined(separator: ", "))")
        }
        if let keyspaces, !(hello.keyspaces.map { Set($0).isSubset(of: keyspaces) } ?? false) {
            return .refuse(.partial, "this node holds only \(keyspaces.joined(separator: ", "))")
        }
        let own = history.end.position.epoch
        switch standing {
        case .deposed: return .refuse(.newerEpoch, "epoch \(newest) is newer than \(own) of this node")
        case .relay where (hello.epochs.last?.epoch ?? .none) > own:
            return .refuse(.behind, "this node has not heard from epoch \(newest) yet")
        case .open, .recovering, .relay: return nil
        }
    }
}
