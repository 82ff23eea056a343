import GodwitReplication

/// What comparing nodes showed, as lines for people.
enum VerificationLines {
    static func text(_ verification: NodeVerification) -> String {
        var text = "compared at \(verification.position)\n"
        if verification.nodes.isEmpty { text += "no follower is connected\n" }
        for node in verification.nodes {
            if let failure = node.failure {
                text += "\(node.region): not compared: \(failure)\n"
                continue
            }
            text += "\(node.region): \(node.isEqual ? "equal" : "DIFFERENT"), \(node.entries) entries\n"
            if !node.skipped.isEmpty { text += "  left out: \(node.skipped.joined(separator: ", "))\n" }
            for difference in node.differences {
                text += "  \(difference.keyspace): \(EntryText.shown(difference.key)): \(difference.heldBy)\n"
            }
        }
        return text
    }
}
