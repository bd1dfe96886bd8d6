"""What people write who want no more texts, in Spanish and in French: the basics, as data.

Words are without accents and apostrophes: "arrêtez de m'écrire" is "arretez de mecrire".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from common.optout.patterns import listed
from common.optout.rules import Rule, Weight

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "textos": listed(
        """
        mensajes|textos|sms, mensajes de texto|spam, mensajitos|publicidad|propaganda
        """
    ),
    "sus": listed("sus|tus|estos|esos|los|mas|todos, todos sus|los|estos"),
    "escribirme": listed(
        """
        escribirme|mensajearme|textearme|contactarme|molestarme|acosarme|buscarme,
        enviarme|mandarme <sus>? <textos>?, enviar|mandar <sus>? <textos>
        """
    ),
    "escriban": listed(
        """
        escriban|escriba|escribas|contacten|contacte|contactes|molesten|moleste|molestes,
        texteen|textee|textees|busquen|busque|busques, manden|mande|mandes|envien|envie|envies
        """
    ),
    "a_este": listed("a este|mi numero"),
    "manden": listed("manden|mande|mandes|envien|envie|envies"),
    "lista": listed(
        """
        de|desde <su>? lista|listas|base|sistema|registros de? contactos|datos|mensajes?
        """
    ),
    "su": listed("su|sus|tu|tus|la|las|esta|esa|el"),
    "saquenme": listed(
        """
        saquenme|saqueme|sacame|quitenme|quiteme|quitame|borrenme|borreme|borrame,
        eliminenme|elimineme|eliminame|remuevanme|remuevame
        """
    ),
    "saquen": listed(
        """
        saquen|saque|saca|quiten|quite|quita|borren|borre|borra|eliminen|elimine|elimina
        """
    ),
    "messages_fr": listed(
        """
        messages|message|sms|textos|texto|spam|spams|pub|pubs|publicites, messages publicitaires
        """
    ),
    "vos": listed("des|vos|ces|les|tes|de|ce|tous, tous vos|ces|les"),
    "m_ecrire": listed(
        """
        mecrire|mappeler, me ecrire|contacter|texter|deranger|harceler|solliciter|spammer,
        me spamer|relancer|importuner, menvoyer <vos>? <messages_fr>?,
        envoyer <vos>? <messages_fr>
        """
    ),
    "ecrivez": listed(
        """
        mecrivez|mecris, me contactez|contacte|textez|texte|derangez|derange|harcelez,
        me sollicitez|importunez|relancez
        """
    ),
    "votre_liste": listed(
        """
        de|sur votre|vos|ta|la|cette|ces liste|listes|base|fichier|fichiers <de_fr>?
        """
    ),
    "de_fr": listed("de diffusion|contacts|contact|donnees|distribution|sms|messages"),
    "retirez": listed("retirez|retire|enlevez|enleve|supprimez|supprime|otez|effacez|efface|rayez"),
}

RULES: Final = (
    Rule(
        "dejen_de_escribir",
        Weight.PLAIN,
        (
            "dejen|deje|deja|paren|pare|para|basta de <escribirme> <a_este>?",
            "dejar|parar de <escribirme>",
            "alto|basta|stop a|de|con? <sus> <textos>",
            "no mas <textos>",
            "ya? basta de <textos>",
        ),
    ),
    Rule(
        "no_me_escriban_mas",
        Weight.CLEAR,
        (
            "no me <escriban> mas|nunca mas?",
            "ya|nunca no|mas me <escriban>",
            "no me <escriban> nunca? mas <textos>?",
            "ya no me <manden> <sus>? <textos>",
            "no vuelva|vuelvan|vuelvas a <escribirme> nunca? mas?",
            "no me vuelva|vuelvan|vuelvas a escribir|contactar|mandar|enviar|molestar <textos>?",
        ),
    ),
    Rule("no_me_escriban", Weight.ALONE, ("no me <escriban>", "no me <manden> <sus>? <textos>")),
    Rule(
        "no_quiero_mensajes",
        Weight.CLEAR,
        (
            "ya? no quiero|deseo recibir <sus>? <textos> de? ustedes|usted?",
            "ya? no quiero|deseo <sus>? <textos> de? ustedes|usted?",
            "ya? no quiero|deseo que me <escriban> mas? <textos>?",
            "quiero|deseo dejar de recibir <sus>? <textos>",
        ),
    ),
    Rule(
        "fuera_de_la_lista",
        Weight.CLEAR,
        (
            "<saquenme> <lista>",
            "<saquen> mi numero|nombre <lista>",
            "quiero|deseo salir <lista>",
            "denme|deme|dame de baja",
            "quiero|deseo|quisiera darme de baja",
            "me quiero dar de baja",
        ),
    ),
    Rule("borren_mi_numero", Weight.ALONE, ("<saquen> mi numero", "alto ya?")),
    Rule("dejenme_en_paz", Weight.PLAIN, ("dejenme|dejeme|dejame|dejame ya? en paz",)),
    Rule(
        "arretez_d_ecrire",
        Weight.PLAIN,
        (
            "arretez|arrete|cessez|cesse|arreter|cesser de <m_ecrire>",
            "arretez|cessez|stop|stoppez avec? <vos> <messages_fr>",
            "stop aux|a|au? <vos>? <messages_fr>",
            "plus de|aucun <messages_fr>",
            "plus jamais de <messages_fr>",
        ),
    ),
    Rule(
        "ne_m_ecrivez_plus",
        Weight.CLEAR,
        (
            "ne? <ecrivez> plus jamais?",
            "ne? <ecrivez> plus jamais? de|par <messages_fr>",
            "ne? menvoyez|menvoie|menvoies plus jamais? <vos>? <messages_fr>?",
            "je ne? veux|souhaite|desire plus recevoir <vos>? <messages_fr>",
            "je ne? veux|souhaite plus <vos> <messages_fr>",
            "je ne? veux|souhaite plus etre contacte|contactee|sollicite|sollicitee",
            "je ne? veux|souhaite pas recevoir <vos>? <messages_fr>",
        ),
    ),
    Rule(
        "hors_de_la_liste",
        Weight.CLEAR,
        (
            "<retirez> moi <votre_liste>",
            "<retirez> mon numero|nom <votre_liste>",
            "desabonnez|desabonne|desinscrivez|desinscris moi <votre_liste>?",
            "je veux|souhaite|voudrais|desire me desabonner|desinscrire <votre_liste>?",
            "veuillez me desabonner|desinscrire|retirer <votre_liste>?",
            "merci de me desabonner|desinscrire|retirer <votre_liste>?",
            "veuillez ne plus me contacter|ecrire",
            "veuillez ne plus menvoyer <vos>? <messages_fr>",
            "merci de ne plus me contacter|ecrire",
            "merci de ne plus menvoyer <vos>? <messages_fr>",
            "merci de ne plus mecrire",
        ),
    ),
    Rule("effacez_mon_numero", Weight.ALONE, ("<retirez> mon numero", "arretez|arrete")),
    Rule(
        "laissez_moi_tranquille",
        Weight.PLAIN,
        ("laissez|laisse moi tranquille", "fichez|fiche|foutez|fous moi la paix"),
    ),
)
