import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.HashMap;
import java.util.Map;

/** The key pairs of a folder: {@code NAME.p12} is the party NAME, one key and its certificate. Each is read once. */
final class Keys {
    private final Path folder;
    private final char[] password;
    private final Map<String, KeyStore.PrivateKeyEntry> read = new HashMap<>();

    Keys(String folder, String password) {
        this.folder = Path.of(folder);
        this.password = password.toCharArray();
    }

    PrivateKey key(String name) throws Exception {
        return pair(name).getPrivateKey();
    }

    X509Certificate certificate(String name) throws Exception {
        return (X509Certificate) pair(name).getCertificate();
    }

    private KeyStore.PrivateKeyEntry pair(String name) throws Exception {
        KeyStore.PrivateKeyEntry pair = read.get(name);
        if (pair == null) {
            KeyStore store = KeyStore.getInstance("PKCS12");
            try (InputStream file = Files.newInputStream(folder.resolve(name + ".p12"))) {
                store.load(file, password);
            }
            pair = (KeyStore.PrivateKeyEntry)
                    store.getEntry(store.aliases().nextElement(), new KeyStore.PasswordProtection(password));
            read.put(name, pair);
        }
        return pair;
    }
}
