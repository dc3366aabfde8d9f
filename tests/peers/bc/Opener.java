import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import javax.mail.internet.MimeBodyPart;
import javax.mail.internet.MimeMultipart;
import javax.mail.util.ByteArrayDataSource;
import org.bouncycastle.cms.CMSAuthEnvelopedData;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.RecipientInformation;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.cms.jcajce.JceKeyTransAuthEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.ZlibExpanderProvider;
import org.bouncycastle.mail.smime.SMIMECompressed;
import org.bouncycastle.mail.smime.SMIMEEnveloped;
import org.bouncycastle.mail.smime.SMIMESigned;
import org.bouncycastle.mail.smime.SMIMEUtil;

/** Opens the MIME entity of an AS2 message, layer by layer, and takes its MIC (RFC 4130, 7.3.1; RFC 5402, 4). */
final class Opener {
    private static final int LAYERS_MAX = 5;
    private static final Map<String, String> DIGESTS = Map.of(
            "1.3.14.3.2.26", "sha1",
            "2.16.840.1.101.3.4.2.1", "sha256",
            "2.16.840.1.101.3.4.2.2", "sha384",
            "2.16.840.1.101.3.4.2.3", "sha512");

    private final Peer.Fields found = new Peer.Fields();
    private final StringBuilder layers = new StringBuilder();
    private final X509Certificate you;
    private final X509Certificate me;
    private final PrivateKey key;

    private Opener(Keys keys, Peer.Fields asked) throws Exception {
        you = keys.certificate(asked.text("you"));
        me = keys.certificate(asked.text("me"));
        key = keys.key(asked.text("me"));
    }

    /** Asked: entity, me, you. Answered: payload, type, name, layers, mic, mic_algorithm. */
    static Peer.Fields open(Keys keys, Peer.Fields asked) throws Exception {
        Opener opener = new Opener(keys, asked);
        MimeBodyPart part = new Entity.Raw(asked.bytes("entity"));
        boolean bare = true;
        for (int layer = 0; layer < LAYERS_MAX; layer++) {
            MimeBodyPart inner = opener.inner(part);
            if (inner == null) {
                return opener.answer(part, bare);
            }
            part = inner;
            bare = false;
        }
        throw new IllegalStateException("more layers than " + LAYERS_MAX);
    }

    /** A multipart/signed entity, verified under the sender's certificate; its content is the part. */
    static MimeBodyPart verified(Keys keys, Peer.Fields asked, Peer.Fields found, MimeBodyPart part) throws Exception {
        Opener opener = new Opener(keys, asked);
        MimeBodyPart inner = opener.inner(part);
        found.values.putAll(opener.found.values);
        return inner == null ? part : inner;
    }

    private Peer.Fields answer(MimeBodyPart part, boolean bare) throws Exception {
        try (InputStream payload = part.getInputStream()) {
            found.put("payload", payload.readAllBytes());
        }
        if (!found.values.containsKey("mic")) {
            byte[] over = bare ? part.getRawInputStream().readAllBytes() : Entity.bytes(part);
            found.put("mic", Entity.digest("sha256", over)).put("mic_algorithm", "sha256");
        }
        String name = part.getFileName();
        found.put("type", part.getContentType()).put("name", name == null ? "" : name);
        return found.put("layers", layers.toString().trim());
    }

    /** What the outermost layer holds; null where there is none. */
    private MimeBodyPart inner(MimeBodyPart part) throws Exception {
        String type = part.getContentType().toLowerCase(Locale.ROOT);
        if (type.startsWith("multipart/signed")) {
            layers.append("signed ");
            return detached(part);
        }
        if (!type.startsWith("application/pkcs7-mime") && !type.startsWith("application/x-pkcs7-mime")) {
            return null;
        }
        if (type.contains("authenveloped-data")) {
            layers.append("encrypted ");
            byte[] data = part.getInputStream().readAllBytes();
            RecipientInformation mine = new CMSAuthEnvelopedData(data).getRecipientInfos().getRecipients().iterator().next();
            return raw(mine.getContent(new JceKeyTransAuthEnvelopedRecipient(key).setProvider("BC")));
        }
        if (type.contains("enveloped-data")) {
            layers.append("encrypted ");
            SMIMEEnveloped enveloped = new SMIMEEnveloped(part);
            RecipientInformation mine = enveloped.getRecipientInfos().getRecipients().iterator().next();
            return raw(mine.getContent(new JceKeyTransEnvelopedRecipient(key).setProvider("BC")));
        }
        if (type.contains("compressed-data")) {
            layers.append("compressed ");
            return raw(new SMIMECompressed(part).getContent(new ZlibExpanderProvider()));
        }
        if (type.contains("signed-data")) {
            layers.append("signed ");
            SMIMESigned signed = new SMIMESigned(part);
            verify(signed);
            return signed.getContent();
        }
        throw new IllegalArgumentException("not known: " + type);
    }

    private static MimeBodyPart raw(byte[] all) throws Exception {
        return SMIMEUtil.toMimeBodyPart(all);
    }

    private MimeBodyPart detached(MimeBodyPart part) throws Exception {
        ByteArrayDataSource source = new ByteArrayDataSource(
                new ByteArrayInputStream(part.getRawInputStream().readAllBytes()), part.getContentType());
        SMIMESigned signed = new SMIMESigned(new MimeMultipart(source), "binary");
        verify(signed);
        return signed.getContent();
    }

    private void verify(CMSSignedData signed) throws Exception {
        if (signed.getSignerInfos().size() == 0) {
            throw new IllegalArgumentException("nobody signed it");
        }
        for (SignerInformation signer : signed.getSignerInfos()) {
            if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(you))) {
                throw new IllegalArgumentException("the signature is wrong");
            }
            String digest = DIGESTS.get(signer.getDigestAlgOID());
            found.put("mic", Base64.getEncoder().encodeToString(signer.getContentDigest())).put("mic_algorithm", digest);
            found.put("signature", signer.getEncryptionAlgOID());
        }
    }
}
