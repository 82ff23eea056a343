import GodwitReplication

/// What comparing nodes showed, as lines for people.
enum VerificationLines {
    static func text(_ verification: NodeVerification) -> String {
        var text = "compared at \(verification.position)\n"
        if verification.nodes.isEmpty { text += "no follower is connected\n" }
        for node in verification.nodes {
            let verdict =
                switch node.outcome {
                case .equal: "equal, \(node.entries) entries"
                case .different: "DIFFERENT, \(node.entries) entries"
                case .notCompared: "not compared"
                }
            text += "\(node.region): \(verdict)\n"
            if let failure = node.failure { text += "  stopped: \(failure)\n" }
            if !node.skipped.isEmpty { text += "  left out: \(node.skipped.joined(separator: ", "))\n" }
            for difference in node.differences {
                text += "  \(difference.keyspace): \(EntryText.shown(difference.key)): \(difference.heldBy)\n"
            }
        }
        return text
    }
}
