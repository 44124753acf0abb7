-- One row per country, economic activity, kind of basis and year.
-- FEMALE_SHARE = employed women / all employed * 100, per cent.
-- Reference: ILOSTAT, share of women in employment.
with employment as (
    select * from marts.observations
    where indicator = 'EMP' and freq = 'A' and age = '_T' and occupation = '_T' and citizenship = '_T'
        and counterpart_area = '_Z' and activity_revision in ('ISIC4', 'ETD12', '_Z')
        and list_contains($ref_areas, ref_area)
),
pair_women_with_total as (
    select women.*, total.obs_value as total_value, total.observation_id as total_id
    from employment as women
    inner join employment as total
        on total.ref_area = women.ref_area and total.economic_activity = women.economic_activity
        and total.basis_kind = women.basis_kind and total.time_period = women.time_period
        and total.source_id = women.source_id and total.sex = '_T'
    where women.sex = 'F'
),
divide_by_total as (
    select
        'FEMALE_SHARE' as indicator, ref_area, '_Z' as counterpart_area, 'F' as sex, economic_activity, basis_kind,
        time_period,
        case when total_value > 0 then obs_value / total_value * 100 end as value,
        'PC' as unit_measure, basis, obs_status,
        case
            when obs_value is null then 'the employment of women is missing'
            when total_value is null or total_value <= 0 then 'the employment of both sexes is missing'
        end as reason,
        'employed women / employed persons x 100' as step,
        [observation_id, total_id] as inputs
    from pair_women_with_total
),
final as (
    select
        concat_ws(':', 'I', indicator, ref_area, counterpart_area, sex, economic_activity, basis_kind, time_period)
            as indicator_id,
        *
    from divide_by_total
)
select indicator_id, indicator, ref_area, counterpart_area, sex, economic_activity, basis_kind, time_period, value,
    unit_measure, basis, obs_status, reason, step, inputs
from final
